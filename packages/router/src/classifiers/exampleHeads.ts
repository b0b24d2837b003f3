/** The heads of all categories that have examples, asked together: a text is read once, however many there are. */
import { archetypes } from "./embedded/archetypes.ts"
import { distinctWords, readDistinctWords, wordBuckets } from "./embedded/distinctWords.ts"
import type { ExampleHead } from "./exampleHead.ts"

export interface ExampleHeads {
  readonly names: ReadonlyArray<string>
  /**
   * How probable each head's category is for the text that was read last, whose kinds are given; 0 where nothing speaks
   * for it, and together less than 1.
   * A buffer that the next call overwrites.
   */
  readonly probabilitiesOf: (kinds: Float64Array) => Float64Array
}

/**
 * From evidence to log-odds, fitted on categories of a few examples beside all other requests, of which one category is
 * a small part (docs/classifier.md).
 */
const prior = -2.4
const wordsCount = 0.72
const kindsCount = 1

/** Distinct words of an ordinary request, and of a short one: a long text holds many words by chance. */
const ordinaryText = 30
const shortText = 12
const mostLogOdds = 8
/** Of a text that is one of the examples. */
const logOddsOfRepeated = 4
/** Below it a head says nothing: many that each say a little would drown the others. */
const leastLogOdds = -1.4

/** For each word the heads that know it, one list after another: those of a bucket begin at `starts[bucket]`. */
interface Postings {
  readonly starts: Int32Array
  readonly heads: Int32Array
  readonly weights: Float32Array
}

const postingsOf = (heads: ReadonlyArray<ExampleHead>): Postings => {
  const starts = new Int32Array(wordBuckets + 1)
  for (const { buckets } of heads) for (const bucket of buckets) starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1
  for (let bucket = 0; bucket < wordBuckets; bucket++) {
    starts[bucket + 1] = (starts[bucket + 1] ?? 0) + (starts[bucket] ?? 0)
  }
  const total = starts[wordBuckets] ?? 0
  const postings = { starts, heads: new Int32Array(total), weights: new Float32Array(total) }
  const next = starts.slice()
  heads.forEach(({ buckets, weights }, head) => {
    buckets.forEach((bucket, at) => {
      const slot = next[bucket] ?? 0
      next[bucket] = slot + 1
      postings.heads[slot] = head
      postings.weights[slot] = weights[at] ?? 0
    })
  })
  return postings
}

export const exampleHeadsOf = (byName: ReadonlyMap<string, ExampleHead>): ExampleHeads => {
  const heads = [...byName.values()]
  const { heads: headOf, starts, weights } = postingsOf(heads)
  const kindFactors = Float64Array.from(heads.flatMap(({ kinds }) => [...kinds]))
  const means = Float64Array.from(heads, ({ ordinaryMean }) => ordinaryMean)
  const variances = Float64Array.from(heads, ({ ordinaryVariance }) => ordinaryVariance)
  const repeated = new Map<number, number>()
  heads.forEach(({ fingerprints }, head) => {
    for (const fingerprint of fingerprints) if (!repeated.has(fingerprint)) repeated.set(fingerprint, head)
  })
  const odds = new Float64Array(heads.length)

  const addWords = (): void => {
    odds.fill(0)
    for (let at = 0; at < distinctWords.length; at++) {
      const bucket = distinctWords.buckets[at] ?? 0
      const end = starts[bucket + 1] ?? 0
      for (let slot = starts[bucket] ?? 0; slot < end; slot++) {
        const head = headOf[slot] ?? 0
        odds[head] = (odds[head] ?? 0) + (weights[slot] ?? 0)
      }
    }
  }

  return {
    names: [...byName.keys()],
    probabilitiesOf: (kinds) => {
      readDistinctWords()
      addWords()
      const ordinary = distinctWords.length / ordinaryText
      const length = Math.max(1, Math.sqrt(distinctWords.length / shortText))
      const repeatedOf = repeated.get(distinctWords.fingerprint)
      let sum = 1
      for (let head = 0; head < odds.length; head++) {
        let factor = 0
        for (let kind = 0; kind < archetypes.length; kind++) {
          factor += (kinds[kind] ?? 0) * (kindFactors[head * archetypes.length + kind] ?? 0)
        }
        // Long examples know so many words that every text holds some: only what is beyond chance counts.
        const words = (odds[head] ?? 0) - ordinary * (means[head] ?? 0)
        const scale = Math.max(length, Math.sqrt(ordinary * (variances[head] ?? 0)))
        const told = prior + (wordsCount * words) / scale + kindsCount * Math.log(factor)
        const logOdds = head === repeatedOf ? Math.max(logOddsOfRepeated, told) : told
        sum += odds[head] = logOdds < leastLogOdds ? 0 : Math.exp(Math.min(mostLogOdds, logOdds))
      }
      for (let head = 0; head < odds.length; head++) odds[head] = (odds[head] ?? 0) / sum
      return odds
    }
  }
}
