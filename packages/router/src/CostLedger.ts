/**
 * What was asked of which model, what came of it and what it cost. Here: the interface and the layer that keeps the
 * sums of this process in memory.
 */
import { dollarsOf, type PicoDollars } from "@llm-router/domain/Money"
import { Context, Effect, Layer } from "effect"
import { Watchdog } from "./Watchdog.ts"

/** `reported` by the upstream, over `priced` tokens, over tokens `estimated` from the text; `unpriced` is not free. */
export type CostSource = "reported" | "priced" | "estimated" | "unpriced"

/** One attempt that reached a model. */
export interface LedgerEntry {
  readonly timeMillis: number
  readonly requestId: string
  readonly purpose: "chat" | "classification"
  readonly category: string
  readonly source: string
  /** The model that was asked. */
  readonly model: string
  /** The model that says it answered. */
  readonly answeredBy: string | undefined
  /** 1 for the request's first. */
  readonly attempt: number
  readonly outcome: "ok" | "failed" | "cut" | "cancelled"
  /** The failure's reason, such as `RateLimited`. */
  readonly error: string | undefined
  readonly status: number | null
  readonly stream: boolean
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly cost: PicoDollars
  readonly costSource: CostSource
  readonly firstTokenMillis: number | undefined
  readonly durationMillis: number
  readonly generationId: string | undefined
}

/** One request, whatever its attempts. */
export interface RequestOutcome {
  readonly timeMillis: number
  readonly requestId: string
  readonly category: string
  readonly source: string
  /** The model that answered, or the last that was tried. */
  readonly model: string
  readonly success: boolean
  readonly attempts: number
  readonly latencyMillis: number
  readonly cost: PicoDollars
  readonly error: string | undefined
}

export interface LedgerTotals {
  readonly sinceMillis: number
  readonly requests: { readonly total: number; readonly success: number; readonly failed: number }
  readonly averageLatencyMillis: number
  /** Of the last 1,000 requests, in ascending order. */
  readonly recentLatencies: ReadonlyArray<number>
  readonly cost: PicoDollars
  readonly costByModel: ReadonlyMap<string, PicoDollars>
  readonly costByCategory: ReadonlyMap<string, PicoDollars>
  readonly unpricedRequests: number
  readonly requestsByModel: ReadonlyMap<string, number>
  readonly requestsByCategory: ReadonlyMap<string, number>
  readonly requestsBySource: ReadonlyMap<string, number>
  /** The last ten, newest last. */
  readonly recentRequests: ReadonlyArray<RequestOutcome>
}

export class CostLedger extends Context.Service<
  CostLedger,
  {
    /** Takes an entry in; it never waits and never fails, whatever the disk does. */
    readonly appendAttempt: (entry: LedgerEntry) => void
    readonly appendRequest: (outcome: RequestOutcome) => void
    /** Returns once what was appended before is kept: the last byte of an answer waits for it. */
    readonly committed: Effect.Effect<void>
    readonly totals: Effect.Effect<LedgerTotals>
    /** Where the entries are kept, as `/health` tells it. */
    readonly location: string
  }
>()("@llm-router/router/CostLedger") {
  /** Sums that live as long as the process. */
  static readonly layerMemory = Layer.effect(
    CostLedger,
    Effect.gen(function* () {
      const { now } = yield* Watchdog
      const sinceMillis = now()
      const requests = { total: 0, success: 0, failed: 0 }
      let latencySum = 0
      let cost = 0n
      let unpricedRequests = 0
      const latencies: Array<number> = []
      const recentRequests: Array<RequestOutcome> = []
      const costByModel = new Map<string, PicoDollars>()
      const costByCategory = new Map<string, PicoDollars>()
      const requestsByModel = new Map<string, number>()
      const requestsByCategory = new Map<string, number>()
      const requestsBySource = new Map<string, number>()

      return CostLedger.of({
        location: "memory",
        appendAttempt: (entry) => {
          cost += entry.cost
          addCost(costByModel, entry.model, entry.cost)
          addCost(costByCategory, entry.category, entry.cost)
          if (entry.costSource === "unpriced") unpricedRequests++
        },
        appendRequest: (outcome) => {
          requests.total++
          if (outcome.success) requests.success++
          else requests.failed++
          latencySum += outcome.latencyMillis
          latencies[(requests.total - 1) % mostLatencies] = outcome.latencyMillis
          count(requestsByModel, outcome.model)
          count(requestsByCategory, outcome.category)
          count(requestsBySource, outcome.source)
          recentRequests.push(outcome)
          if (recentRequests.length > mostRecent) recentRequests.shift()
        },
        committed: Effect.void,
        totals: Effect.sync(() => ({
          sinceMillis,
          requests: { ...requests },
          averageLatencyMillis: requests.total === 0 ? 0 : latencySum / requests.total,
          recentLatencies: latencies.toSorted((a, b) => a - b),
          cost,
          costByModel,
          costByCategory,
          unpricedRequests,
          requestsByModel,
          requestsByCategory,
          requestsBySource,
          recentRequests: [...recentRequests]
        }))
      })
    })
  )
}

const mostLatencies = 1_000
const mostRecent = 10
/** Distinct keys of one sum: callers may name any model. The rest goes under one name. */
const mostKeys = 2_000
const otherKeys = "other"

const keyIn = (sums: ReadonlyMap<string, unknown>, key: string): string =>
  sums.has(key) || sums.size < mostKeys ? key : otherKeys

const count = (counts: Map<string, number>, key: string): void => {
  const name = keyIn(counts, key)
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

const addCost = (costs: Map<string, PicoDollars>, key: string, cost: PicoDollars): void => {
  const name = keyIn(costs, key)
  costs.set(name, (costs.get(name) ?? 0n) + cost)
}

/** A sum as JSON shows it: USD by name. */
export const dollarsByKey = (costs: ReadonlyMap<string, PicoDollars>): Readonly<Record<string, number>> =>
  Object.fromEntries([...costs].map(([key, cost]) => [key, dollarsOf(cost)]))
