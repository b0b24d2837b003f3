/**
 * How common words are in ordinary requests: a file beside this one, written by `pnpm train:classifier`.
 * "LRF1", the number of texts (u32, little-endian), and for each bucket of words one byte: how many texts hold it, as a
 * sixteenth of a logarithm to base 2.
 */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { distinctWords, readDistinctWords, wordBuckets } from "./distinctWords.ts"
import { featuresOf } from "./features.ts"
import { WeightsUnusable } from "./weights.ts"

const magic = "LRF1"
const headerBytes = 8
const stepsOfDoubling = 16

/** By bucket: the share of ordinary requests that hold such a word; never 0. */
export type WordFrequencies = Float32Array

/** A text more that holds every word, and one that holds none: what was never met is rare, and not impossible. */
const shareOf = (count: number, texts: number): number => (count + 1) / (texts + 2)

export const encodeFrequencies = (texts: ReadonlyArray<string>): Buffer => {
  const counts = new Uint32Array(wordBuckets)
  for (const text of texts) {
    featuresOf(text)
    readDistinctWords()
    for (let at = 0; at < distinctWords.length; at++) {
      const bucket = distinctWords.buckets[at] ?? 0
      counts[bucket] = (counts[bucket] ?? 0) + 1
    }
  }
  const bytes = Buffer.alloc(headerBytes + wordBuckets)
  bytes.write(magic, "latin1")
  bytes.writeUInt32LE(texts.length, magic.length)
  counts.forEach((count, bucket) => {
    bytes[headerBytes + bucket] = Math.min(255, Math.round(stepsOfDoubling * Math.log2(1 + count)))
  })
  return bytes
}

/** Fails for a file that is none. */
export const decodeFrequencies = (bytes: Buffer): Effect.Effect<WordFrequencies, WeightsUnusable> => {
  if (bytes.length !== headerBytes + wordBuckets || bytes.toString("latin1", 0, magic.length) !== magic) {
    return Effect.fail(new WeightsUnusable({ message: "The frequencies of words are not a file of them." }))
  }
  const texts = bytes.readUInt32LE(magic.length)
  return Effect.succeed(
    Float32Array.from(bytes.subarray(headerBytes), (step) => shareOf(2 ** (step / stepsOfDoubling) - 1, texts))
  )
}

export const frequenciesFile = new URL("wordFrequencies.bin", import.meta.url)

export const readFrequencies: Effect.Effect<WordFrequencies, WeightsUnusable> = Effect.suspend(() =>
  decodeFrequencies(readFileSync(frequenciesFile))
)
