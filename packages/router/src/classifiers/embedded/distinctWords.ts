/** The distinct words of the text that was read last, as the buckets that their hashes fall into. */
import { TokenKind } from "./characters.ts"
import { combined } from "./hashing.ts"
import { opening } from "./opening.ts"
import { tokens } from "./tokens.ts"

export const wordBuckets = 1 << 15

/** Filled anew by each `readDistinctWords`: the first `length` buckets are valid. */
export const distinctWords = {
  buckets: new Int32Array(tokens.words.length),
  length: 0,
  /** Of all words in their order, without signs: equal for texts that say the same but for case, accents and numbers. */
  fingerprint: 0
}

/** By bucket: the reading that met it last, so that nothing has to be cleared. */
const metAt = new Uint32Array(wordBuckets)
let reading = 0

/** Call it after `featuresOf`, which reads the text. */
export const readDistinctWords = (): void => {
  reading = (reading + 1) >>> 0
  if (reading === 0) {
    metAt.fill(0)
    reading = 1
  }
  let length = 0
  let fingerprint = 0
  for (let at = opening.length; at < tokens.length; at++) {
    const word = tokens.words[at] ?? 0
    if (tokens.kinds[at] !== TokenKind.sign) fingerprint = combined(fingerprint, word)
    const bucket = word & (wordBuckets - 1)
    if (metAt[bucket] === reading) continue
    metAt[bucket] = reading
    distinctWords.buckets[length++] = bucket
  }
  distinctWords.length = length
  distinctWords.fingerprint = fingerprint
}
