/**
 * What a turn is about in its conversation: short follow-ups inherit, and a conversation keeps its category until another
 * one wins clearly. Pure, and the same for every classifier: it reads verdicts, not words.
 */
import type { Classification, DecisionSource } from "@llm-router/domain/Decision"
import type { Leaning } from "./followUps.ts"

/** How much each category counts; at most 1 in sum. */
type Shares = ReadonlyMap<string, number>

export interface Conversation {
  /** The category that it stands in. */
  readonly category: string
  /** Who said so. */
  readonly source: DecisionSource
  /** What its turns were about, later ones more. */
  readonly shares: Shares
  /** A category that came out ahead at the last turn, but not by enough. */
  readonly challenger: string | undefined
}

/** What a classifier made of a turn's own words; no classification when it was not sure. */
export interface Verdict {
  readonly source: DecisionSource
  readonly classification: Classification | undefined
}

/** A turn's decision, and the conversation after it. */
export interface TurnInContext {
  readonly source: DecisionSource
  readonly classification: Classification
  readonly conversation: Conversation
}

/** What the conversation so far counts, beside 1 for the turn's own words. Chosen on the dialogues of `training`. */
const weightOf: Readonly<Record<Leaning, number>> = { continuation: 1, followUp: 1.5, standalone: 0.3, newTopic: 0 }

/** By how much another category must win: once, or twice running. */
const clearWin = 0.2
const narrowWin = 0.05

/** Shares are kept of so many categories, so that a conversation stays small. */
const mostShares = 4

/** The winner counts its confidence, the other candidates share the rest. */
const sharesOf = (classification: Classification | undefined): Map<string, number> => {
  const shares = new Map<string, number>()
  if (classification === undefined) return shares
  const { candidates = [], category, confidence } = classification
  shares.set(category, confidence)
  const others = candidates.filter((candidate) => candidate.category !== category)
  const total = others.reduce((sum, { probability }) => sum + probability, 0)
  for (const other of others) {
    if (total > 0) shares.set(other.category, ((1 - confidence) * other.probability) / total)
  }
  return shares
}

const byShare = (a: readonly [string, number], b: readonly [string, number]): number =>
  b[1] - a[1] || (a[0] < b[0] ? -1 : 1)

/** The largest ones, at most 1 in sum. */
const bounded = (scores: Shares): Shares => {
  const largest = scores.size > mostShares ? [...scores].toSorted(byShare).slice(0, mostShares) : [...scores]
  const total = largest.reduce((sum, [, score]) => sum + score, 0)
  return new Map(largest.map(([category, score]) => [category, total > 1 ? score / total : score]))
}

/** The turn stays with the conversation, whatever its own words looked like. */
const goingOn = (
  before: Conversation,
  conversation: Conversation,
  confidence: number,
  reason: string
): TurnInContext => ({
  source: before.source,
  classification: { category: before.category, confidence, reasons: [reason] },
  conversation
})

/** A conversation that begins here. */
const begun = ({ classification, source }: Verdict): TurnInContext | undefined => {
  if (classification === undefined) return undefined
  const shares = bounded(sharesOf(classification))
  return {
    source,
    classification,
    conversation: { category: classification.category, source, shares, challenger: undefined }
  }
}

/**
 * A turn that says nothing by itself, by the verdict on the message that it goes on with. What was seen there, and how
 * much of it, is told as that message's: its places are none in this one.
 */
export const resumed = (verdict: Verdict): TurnInContext | undefined => {
  const turn = begun(verdict)
  if (turn === undefined) return undefined
  const { matches: _, ...classification } = turn.classification
  const reasons = [
    `follow-up of a ${classification.category} conversation`,
    ...classification.reasons.map((reason) => `of the message it goes on with: ${reason}`)
  ]
  return { ...turn, classification: { ...classification, reasons } }
}

/** A turn that says nothing by itself: no classifier need be asked. */
export const continued = (before: Conversation): TurnInContext =>
  goingOn(before, before, 0.6, `follow-up of a ${before.category} conversation`)

/** What a turn is about, from what its own words look like and what was said before. `undefined`: nothing is known. */
export const inContext = (
  verdict: Verdict,
  leaning: Leaning,
  before: Conversation | undefined
): TurnInContext | undefined => {
  const { classification, source } = verdict
  if (before === undefined || leaning === "newTopic") return begun(verdict)
  if (leaning === "continuation") return continued(before)
  const scores = sharesOf(classification)
  for (const [category, share] of before.shares) {
    scores.set(category, (scores.get(category) ?? 0) + weightOf[leaning] * share)
  }
  const shares = bounded(scores)
  const own = scores.get(before.category) ?? 0
  if (classification === undefined) {
    const reason =
      leaning === "followUp"
        ? `follow-up of a ${before.category} conversation`
        : `nothing else was sure: the ${before.category} conversation goes on`
    return goingOn(
      before,
      { ...before, shares, challenger: undefined },
      before.shares.get(before.category) ?? 0,
      reason
    )
  }
  const { category, reasons } = classification
  if (category === before.category) {
    const conversation = { category, source, shares, challenger: undefined }
    return {
      source,
      classification: { ...classification, reasons: [...reasons, `the ${category} conversation goes on`] },
      conversation
    }
  }
  const rival = scores.get(category) ?? 0
  const lead = rival - own
  if (lead >= clearWin || (lead >= narrowWin && before.challenger === category)) {
    const conversation = { category, source, shares, challenger: undefined }
    return {
      source,
      classification: { ...classification, reasons: [...reasons, `leaves the ${before.category} conversation`] },
      conversation
    }
  }
  const challenger = lead >= narrowWin ? category : undefined
  const reason =
    leaning === "followUp"
      ? `follow-up of a ${before.category} conversation, though its words look like ${category}`
      : `the ${before.category} conversation goes on: ${category} does not win clearly`
  return goingOn(before, { ...before, shares, challenger }, own / (own + rival), reason)
}
