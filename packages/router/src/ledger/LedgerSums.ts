/** The sums that `/metrics` shows, kept in memory: it may be asked every second. */
import type { PicoDollars } from "@llm-router/domain/Money"
import {
  type Drift,
  isAttemptOf,
  type LedgerEntry,
  type LedgerTotals,
  type RequestOutcome,
  type Settlement
} from "./entry.ts"
import { outcomeOfRow } from "./rows.ts"
import type { Snapshot } from "./store.ts"
import { amountOf, places } from "./tally.ts"

const mostLatencies = 1_000
const mostRecent = 10
/** Distinct keys of one sum: callers may name any model. The rest goes under one name. */
const mostKeys = 2_000
const otherKeys = "other"

const keyIn = (sums: ReadonlyMap<string, unknown>, key: string): string =>
  sums.has(key) || sums.size < mostKeys ? key : otherKeys

const addCount = (counts: Map<string, number>, key: string, more: number): void => {
  const name = keyIn(counts, key)
  counts.set(name, (counts.get(name) ?? 0) + more)
}

const addCost = (costs: Map<string, PicoDollars>, key: string, cost: PicoDollars): void => {
  const name = keyIn(costs, key)
  costs.set(name, (costs.get(name) ?? 0n) + cost)
}

export class LedgerSums {
  #sinceMillis: number
  #total = 0
  #success = 0
  #latencySum = 0
  #cost = 0n
  #unpriced = 0
  #recentLatencies: Array<number> = []
  #recentRequests: Array<RequestOutcome> = []
  readonly #costByModel = new Map<string, PicoDollars>()
  readonly #costByCategory = new Map<string, PicoDollars>()
  readonly #requestsByModel = new Map<string, number>()
  readonly #requestsByCategory = new Map<string, number>()
  readonly #requestsBySource = new Map<string, number>()
  readonly #driftByModel = new Map<string, Drift>()

  constructor(sinceMillis: number) {
    this.#sinceMillis = sinceMillis
  }

  addAttempt(entry: LedgerEntry): void {
    this.#cost += entry.cost
    addCost(this.#costByModel, entry.model, entry.cost)
    addCost(this.#costByCategory, entry.category, entry.cost)
    if (entry.costSource === "unpriced") this.#unpriced++
    if (entry.costSource === "reported" && entry.computedCost !== undefined) {
      this.#addDrift(entry.model, { compared: 1, reported: entry.cost, computed: entry.computedCost })
    }
  }

  addSettlement({ cost, entry }: Settlement): void {
    const more = cost - entry.cost
    this.#cost += more
    addCost(this.#costByModel, entry.model, more)
    addCost(this.#costByCategory, entry.category, more)
    if (entry.costSource === "unpriced") this.#unpriced--
    else this.#addDrift(entry.model, { compared: 1, reported: cost, computed: entry.cost })
    const index = this.#recentRequests.findIndex((outcome) => isAttemptOf(entry, outcome))
    const outcome = this.#recentRequests[index]
    if (outcome !== undefined) this.#recentRequests[index] = { ...outcome, cost: outcome.cost + more }
  }

  /** By the model that was asked; live, not a copy. */
  get driftByModel(): ReadonlyMap<string, Drift> {
    return this.#driftByModel
  }

  #addDrift(model: string, more: Drift): void {
    const name = keyIn(this.#driftByModel, model)
    const sum = this.#driftByModel.get(name)
    this.#driftByModel.set(name, {
      compared: more.compared + (sum?.compared ?? 0),
      reported: more.reported + (sum?.reported ?? 0n),
      computed: more.computed + (sum?.computed ?? 0n)
    })
  }

  addRequest(outcome: RequestOutcome): void {
    this.#total++
    if (outcome.success) this.#success++
    this.#latencySum += outcome.latencyMillis
    this.#recentLatencies.push(outcome.latencyMillis)
    // Trimmed now and then: taking one from the front of a long list each time costs more.
    if (this.#recentLatencies.length > 2 * mostLatencies) {
      this.#recentLatencies = this.#recentLatencies.slice(-mostLatencies)
    }
    addCount(this.#requestsByModel, outcome.model, 1)
    addCount(this.#requestsByCategory, outcome.category, 1)
    addCount(this.#requestsBySource, outcome.source, 1)
    this.#recentRequests.push(outcome)
    if (this.#recentRequests.length > mostRecent) this.#recentRequests.shift()
  }

  /** Adds what was before: it may come late, when the disk was in trouble at the start. */
  addEarlier(snapshot: Snapshot): void {
    this.#sinceMillis = snapshot.sinceMillis
    for (const { category, model, source, tally } of snapshot.sums) {
      const count = (at: number): number => tally[at] ?? 0
      if (count(places.attempts) > 0) {
        const cost = amountOf(tally, "cost")
        this.#cost += cost
        addCost(this.#costByModel, model, cost)
        addCost(this.#costByCategory, category, cost)
        this.#unpriced += count(places.unpriced)
      }
      if (count(places.compared) > 0) {
        const [reported, computed] = [amountOf(tally, "billed"), amountOf(tally, "computed")]
        this.#addDrift(model, { compared: count(places.compared), reported, computed })
      }
      if (count(places.requests) > 0) {
        this.#total += count(places.requests)
        this.#success += count(places.requests_ok)
        this.#latencySum += count(places.latency_ms)
        addCount(this.#requestsByModel, model, count(places.requests))
        addCount(this.#requestsByCategory, category, count(places.requests))
        addCount(this.#requestsBySource, source, count(places.requests))
      }
    }
    this.#recentLatencies = [...snapshot.latencies, ...this.#recentLatencies]
    this.#recentRequests = [...snapshot.recent.map(outcomeOfRow), ...this.#recentRequests].slice(-mostRecent)
  }

  totals(): LedgerTotals {
    return {
      sinceMillis: this.#sinceMillis,
      requests: { total: this.#total, success: this.#success, failed: this.#total - this.#success },
      averageLatencyMillis: this.#total === 0 ? 0 : this.#latencySum / this.#total,
      recentLatencies: this.#recentLatencies.slice(-mostLatencies).toSorted((left, right) => left - right),
      cost: this.#cost,
      costByModel: this.#costByModel,
      costByCategory: this.#costByCategory,
      unpricedRequests: this.#unpriced,
      requestsByModel: this.#requestsByModel,
      requestsByCategory: this.#requestsByCategory,
      requestsBySource: this.#requestsBySource,
      recentRequests: [...this.#recentRequests]
    }
  }
}
