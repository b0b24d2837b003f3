/**
 * What a category's examples teach, in one pass over them: how much likelier than in ordinary requests their words and
 * their kinds are (naive Bayes). Nothing is drawn by chance, so that the same examples always give the same head.
 */
import type { Reading } from "./customCategories.ts"
import { type Archetype, archetypes, readable } from "./embedded/archetypes.ts"
import { distinctWords, readDistinctWords } from "./embedded/distinctWords.ts"
import type { WordFrequencies } from "./embedded/wordFrequencies.ts"

export interface ExampleHead {
  /** Of the examples themselves, so that one is known again whatever its words tell. */
  readonly fingerprints: ReadonlyArray<number>
  /** The words that tell, as buckets. */
  readonly buckets: Int32Array
  /** By word, the logarithm of how much likelier it is in a request of the category than in any request. */
  readonly weights: Float32Array
  /** What the words of an ordinary request add up to: the mean, and the variance. */
  readonly ordinaryMean: number
  readonly ordinaryVariance: number
  /** By archetype, how much likelier it is. */
  readonly kinds: Float64Array
  /** The kinds of request that the category serves whole, because its examples are mostly of them. */
  readonly served: ReadonlyArray<Archetype>
}

/** Words are believed as if so many examples more held them no oftener than ordinary requests do. */
const ordinaryExamples = 2
/** A word in one example only may stand there by chance: it counts as half of one. */
const chance = 0.5
/** Commoner words are those of a language ("les", "pour") or of requests ("please"), not of what these are about. */
const mostOrdinary = 0.015
/** Words that hardly tell would only add noise. */
const leastWeight = 0.7
/** One rare word of one example tells no more than this: what several hold may tell more. */
const mostOfOne = 2
/** Kinds are believed as if so many examples more were of all kinds alike. */
const evenExamples = 6

/** One or two requests of a kind may be there for what they are about. */
const leastServing = 3
/** So much of the examples must be of a kind, and of all kinds that are served. */
const leastOfKind = 0.2
const leastOfServed = 0.35

const kindsServed = (shares: Float64Array, examples: number): ReadonlyArray<Archetype> => {
  if (examples < leastServing) return []
  const kinds = archetypes.filter((kind, at) => readable.has(kind) && (shares[at] ?? 0) >= leastOfKind)
  const sum = kinds.reduce((total, kind) => total + (shares[archetypes.indexOf(kind)] ?? 0), 0)
  return sum >= leastOfServed ? kinds : []
}

/** For a category that serves its examples' kinds whole: whatever these were about, their words do not matter. */
export const repeatedOnly = (head: ExampleHead): ExampleHead => ({
  ...head,
  buckets: new Int32Array(),
  weights: new Float32Array(),
  kinds: new Float64Array(archetypes.length)
})

export const exampleHeadOf = (
  examples: ReadonlyArray<string>,
  read: Reading,
  frequencies: WordFrequencies
): ExampleHead => {
  const counts = new Map<number, number>()
  const shares = new Float64Array(archetypes.length)
  const fingerprints: Array<number> = []
  for (const example of examples) {
    const probabilities = read(example)
    for (let kind = 0; kind < shares.length; kind++) {
      shares[kind] = (shares[kind] ?? 0) + (probabilities[kind] ?? 0) / examples.length
    }
    readDistinctWords()
    // Signs alone are everybody's.
    if (distinctWords.fingerprint !== 0) fingerprints.push(distinctWords.fingerprint)
    for (let at = 0; at < distinctWords.length; at++) {
      const bucket = distinctWords.buckets[at] ?? 0
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
    }
  }
  const told = [...counts].flatMap(([bucket, count]): ReadonlyArray<readonly [bucket: number, weight: number]> => {
    const ordinary = frequencies[bucket] ?? 1
    const here = (count - chance + ordinaryExamples * ordinary) / (examples.length + ordinaryExamples)
    const weight = Math.min(Math.log(here / ordinary), mostOfOne + Math.log(count))
    return ordinary <= mostOrdinary && weight >= leastWeight ? [[bucket, weight]] : []
  })
  let ordinaryMean = 0
  let ordinaryVariance = 0
  for (const [bucket, weight] of told) {
    const ordinary = frequencies[bucket] ?? 1
    ordinaryMean += ordinary * weight
    ordinaryVariance += ordinary * weight * weight
  }
  return {
    fingerprints,
    ordinaryMean,
    ordinaryVariance,
    buckets: Int32Array.from(told, ([bucket]) => bucket),
    weights: Float32Array.from(told, ([, weight]) => weight),
    kinds: shares.map(
      (share) => (share * examples.length * archetypes.length + evenExamples) / (examples.length + evenExamples)
    ),
    served: kindsServed(shares, examples.length)
  }
}
