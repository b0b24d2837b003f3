/**
 * What the router decided about a request, and why: it is in the response headers, in `/v1/route` and in the ledger.
 */
import type { Models } from "./Category.ts"

/** The rule or classifier whose answer won (spec 2.2). */
export type DecisionSource = "model" | "tools" | "keywords" | "embedded" | "ollama" | "api" | "default"

export interface KeywordMatch {
  readonly category: string
  readonly keyword: string
  /** Offset in the classified text, in UTF-16 code units. */
  readonly position: number
}

export interface Candidate {
  readonly category: string
  /** Share of the evidence, 0 to 1. */
  readonly probability: number
}

/** What a classifier found: which category, how sure it is (0 to 1), and what made it think so. */
export interface Classification {
  readonly category: string
  readonly confidence: number
  readonly reasons: ReadonlyArray<string>
  readonly matches?: ReadonlyArray<KeywordMatch>
  readonly candidates?: ReadonlyArray<Candidate>
  /** What told the category: a kind of request that it serves, its keywords, or its examples. */
  readonly decidedBy?: "archetype" | "keywords" | "examples"
  /** The kind of request that the embedded classifier saw: one category can serve several. */
  readonly archetype?: string
}

export interface Decision extends Classification {
  readonly source: DecisionSource
  readonly models: Models
  /** Time the classifier took; 0 when no classifier was asked. */
  readonly classifierLatencyMillis: number
}

/** The category of a request whose caller named a model: no chain of ours was chosen. */
export const directCategory = "direct"
