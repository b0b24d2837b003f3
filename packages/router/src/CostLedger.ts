/**
 * What was asked of which model, what came of it and what it cost. Here: the interface, the layer that keeps the sums
 * of this process in memory, and the one that keeps every entry in an SQLite file.
 */
import { dollarsOf, type PicoDollars } from "@llm-router/domain/Money"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { resolve } from "node:path"
import { LedgerReader } from "./ledger/LedgerReader.ts"
import { LedgerSums } from "./ledger/LedgerSums.ts"
import { type LedgerStatus, LedgerWriter } from "./ledger/LedgerWriter.ts"
import { Rollup } from "./ledger/rollup.ts"
import { attemptRowOf, requestRowOf } from "./ledger/rows.ts"
import { type UsageQuery, type UsageReport, usageOfRollup, usageReportOf } from "./ledger/usage.ts"
import { Telemetry } from "./telemetry/Telemetry.ts"
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
  /** Whose client key it was. */
  readonly keyId: string
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

/** The file is not one that entries may be written to. It is left as it was. */
export class LedgerUnusable extends Schema.TaggedError<LedgerUnusable>()("LedgerUnusable", {
  message: Schema.String
}) {}

/** A question to the ledger that could not be answered now. */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>()("LedgerUnavailable", {
  message: Schema.String
}) {}

export interface LedgerOptions {
  /** A file; `:memory:` keeps nothing beyond the process. */
  readonly path: string
  /** How long single entries are kept. Their sums stay. */
  readonly retentionDays: number
  /** Entries that may wait for a disk in trouble; what comes beyond is counted as lost. */
  readonly queueEntries: number
}

export class CostLedger extends Context.Service<
  CostLedger,
  {
    /** Takes an entry in; it never waits and never fails, whatever the disk does. */
    readonly appendAttempt: (entry: LedgerEntry) => void
    readonly appendRequest: (outcome: RequestOutcome) => void
    /**
     * Returns once what was appended before is kept: the last byte of an answer waits for it. It does not wait for a
     * disk that is in trouble.
     */
    readonly committed: Effect.Effect<void>
    readonly totals: Effect.Effect<LedgerTotals>
    /** Sums of the time asked for, whole hours at least, of all that was appended before. */
    readonly usage: (query: UsageQuery) => Effect.Effect<UsageReport, LedgerUnavailable>
    /** Writes a copy to a new file. */
    readonly backup: (path: string) => Effect.Effect<void, LedgerUnavailable>
    readonly status: () => LedgerStatus
    /** Where the entries are kept, as `/health` tells it. */
    readonly location: string
  }
>()("@llm-router/router/CostLedger") {
  /** Sums that live as long as the process. */
  static readonly layerMemory = Layer.effect(
    CostLedger,
    Effect.map(Watchdog, ({ now }) => {
      const sums = new LedgerSums(now())
      const rollup = new Rollup()
      return CostLedger.of({
        location: "memory",
        appendAttempt: (entry) => {
          sums.addAttempt(entry)
          rollup.add(attemptRowOf(0, entry))
        },
        appendRequest: (outcome) => {
          sums.addRequest(outcome)
          rollup.add(requestRowOf(0, outcome))
        },
        committed: Effect.void,
        totals: Effect.sync(() => sums.totals()),
        usage: (query) => Effect.sync(() => usageReportOf(query.groupBy, usageOfRollup(query, rollup))),
        backup: () => new LedgerUnavailable({ message: "The ledger is kept in memory: set LEDGER_PATH to a file." }),
        status: () => ({ state: "ok", message: undefined, queued: 0, lost: 0 })
      })
    })
  )

  static readonly layerSqlite = (options: LedgerOptions) =>
    Layer.effect(
      CostLedger,
      Effect.gen(function* () {
        const { now } = yield* Watchdog
        const { metrics } = yield* Telemetry
        const path = resolve(options.path)
        const sums = new LedgerSums(now())
        const reader = yield* Effect.acquireRelease(
          Effect.sync(() => new LedgerReader(path)),
          ({ close }) => close
        )
        const writer = yield* startedWriter(
          new LedgerWriter({
            path,
            queueEntries: options.queueEntries,
            now,
            onSnapshot: (snapshot) => sums.addEarlier(snapshot),
            metrics
          })
        )
        const keepDays = Math.max(1, options.retentionDays)
        yield* Effect.sync(() => writer.prune(now() - keepDays * dayMillis)).pipe(
          Effect.andThen(Effect.sleep("1 minute")),
          Effect.forever,
          Effect.forkScoped
        )
        if (!writer.checked) {
          // By a thread of its own: it takes seconds, and a question must not wait for it.
          const checker = new LedgerReader(path)
          yield* checker.ask({ _tag: "Check" }).pipe(
            Effect.catch((problem) => Effect.logError(`The ledger's check found a fault. ${problem}`)),
            Effect.ensuring(checker.close),
            Effect.forkScoped
          )
        }
        const unavailable = (message: string) => new LedgerUnavailable({ message })
        return CostLedger.of({
          location: path,
          appendAttempt: (entry) => {
            sums.addAttempt(entry)
            writer.append((sequence) => attemptRowOf(sequence, entry))
          },
          appendRequest: (outcome) => {
            sums.addRequest(outcome)
            writer.append((sequence) => requestRowOf(sequence, outcome))
          },
          committed: writer.committed,
          totals: Effect.sync(() => sums.totals()),
          usage: Effect.fn("CostLedger.usage")(function* (query) {
            yield* writer.committed
            const answer = yield* Effect.mapError(reader.ask({ _tag: "Usage", query }), unavailable)
            if (answer._tag !== "Usage") return yield* unavailable("The ledger gave another answer.")
            return usageReportOf(query.groupBy, answer.grouped)
          }),
          backup: Effect.fn("CostLedger.backup")(function* (target) {
            yield* writer.committed
            yield* Effect.mapError(reader.ask({ _tag: "Backup", path: resolve(target) }), unavailable)
          }),
          status: writer.status
        })
      })
    )

  static readonly layer = (options: LedgerOptions) =>
    options.path === ":memory:" ? CostLedger.layerMemory : CostLedger.layerSqlite(options)
}

const dayMillis = 86_400_000
/** How often a trouble that lasts is told. */
const reminderMillis = 60_000

/** What is to be told of the ledger, when it is news or a reminder is due. */
const reporter = (now: () => number) => {
  let told: LedgerStatus = { state: "ok", message: undefined, queued: 0, lost: 0 }
  let toldAt = now()
  return (status: LedgerStatus): Effect.Effect<void> => {
    const changed = status.state !== told.state
    const due = now() - toldAt >= reminderMillis && (status.state === "degraded" || status.lost > told.lost)
    if (!changed && !due) return Effect.void
    told = status
    toldAt = now()
    const lost = status.lost === 0 ? "" : ` ${status.lost} entries were lost.`
    return status.state === "ok"
      ? Effect.logInfo(`The ledger is stored again.${lost}`)
      : Effect.logError(`The ledger cannot be stored: ${status.message}. ${status.queued} entries wait.${lost}`)
  }
}

/** Opened, looked after every second, and closed with the scope. */
const startedWriter = Effect.fnUntraced(function* (writer: LedgerWriter) {
  const { now } = yield* Watchdog
  yield* Effect.addFinalizer(() =>
    Effect.interruptible(writer.flush).pipe(
      Effect.timeoutOption("5 seconds"),
      Effect.andThen(writer.terminate),
      Effect.andThen(
        Effect.suspend(() => {
          const { queued, lost, message } = writer.status()
          return queued + lost === 0
            ? Effect.void
            : Effect.logError(`The ledger ends with ${queued + lost} entries lost. ${message ?? ""}`)
        })
      )
    )
  )
  const fault = yield* Effect.timeoutOption(writer.open, "30 seconds")
  if (Option.isSome(fault) && fault.value?.kind === "unusable") {
    return yield* new LedgerUnusable({
      message: `The ledger cannot be used: ${fault.value.message}. Nothing was changed; set LEDGER_PATH to another file, or move this one away.`
    })
  }
  const report = reporter(now)
  yield* Effect.suspend(() => {
    writer.tick()
    return report(writer.status())
  }).pipe(Effect.andThen(Effect.sleep("1 second")), Effect.forever, Effect.forkScoped)
  return writer
})

/** A sum as JSON shows it: USD by name. */
export const dollarsByKey = (costs: ReadonlyMap<string, PicoDollars>): Readonly<Record<string, number>> =>
  Object.fromEntries([...costs].map(([key, cost]) => [key, dollarsOf(cost)]))
