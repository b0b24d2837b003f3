/** What the ledger is told, and what it tells. */
import type { PicoDollars } from "@llm-router/domain/Money"

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
  /** Whose client key it was. */
  readonly keyId: string
  /** What the price table makes of the tokens where the upstream reported a cost; to see how far the table is off. */
  readonly computedCost: PicoDollars | undefined
}

/** An attempt whose cost was guessed at: it was cut or left before the upstream said what it cost. */
export interface UnsettledEntry extends Pick<
  LedgerEntry,
  | "timeMillis"
  | "requestId"
  | "purpose"
  | "category"
  | "source"
  | "model"
  | "outcome"
  | "error"
  | "keyId"
  | "cost"
  | "inputTokens"
  | "cachedTokens"
  | "outputTokens"
  | "reasoningTokens"
> {
  readonly generationId: string
  readonly costSource: "estimated" | "unpriced"
}

/** What the upstream says afterwards of such an attempt. It corrects the sums; the entry stays as it was. */
export interface Settlement extends Pick<
  LedgerEntry,
  "cost" | "inputTokens" | "cachedTokens" | "outputTokens" | "reasoningTokens"
> {
  readonly entry: UnsettledEntry
  readonly settledAtMillis: number
}

/** Attempts whose cost the upstream reported and the price table knew: both sums. */
export interface Drift {
  readonly compared: number
  readonly reported: PicoDollars
  readonly computed: PicoDollars
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
  /** Of all its attempts, and of the classification it paid for. */
  readonly cost: PicoDollars
  readonly error: string | undefined
  /** Whose client key it was. */
  readonly keyId: string
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

/** The part of an entry that a settlement needs, where the upstream may say more of it. */
export const unsettledOf = (entry: LedgerEntry): UnsettledEntry | undefined => {
  const { costSource, generationId } = entry
  if (generationId === undefined || (costSource !== "estimated" && costSource !== "unpriced")) return undefined
  return { ...entry, generationId, costSource }
}

/** Callers choose the ids of their requests: of a key's requests with one id it is of that which was under way. */
export const isAttemptOf = (entry: UnsettledEntry, { keyId, latencyMillis, requestId, timeMillis }: RequestOutcome) =>
  entry.requestId === requestId &&
  entry.keyId === keyId &&
  entry.timeMillis <= timeMillis &&
  entry.timeMillis >= timeMillis - latencyMillis

/** How the ledger does. */
export interface LedgerStatus {
  readonly state: "ok" | "degraded"
  /** What is wrong, where something is. */
  readonly message: string | undefined
  /** Entries that wait for the disk. */
  readonly queued: number
  /** Entries that will never be stored, since this process started. */
  readonly lost: number
  /** What a check of the whole file found, where it found something. */
  readonly damage?: string
  /** Why the last question could not be answered. */
  readonly unreadable?: string
}
