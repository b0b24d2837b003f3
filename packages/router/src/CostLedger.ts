/**
 * What was asked of which model, what came of it and what it cost. Here: the interface, the layer that keeps the sums
 * of this process in memory, and the one that keeps every entry in an SQLite file.
 */
import { dollarsOf, type PicoDollars } from "@llm-router/domain/Money"
import { Context, Effect, Layer, Schema } from "effect"
import { resolve } from "node:path"
import { MessageChannel } from "node:worker_threads"
import {
  type Drift,
  type LedgerEntry,
  type LedgerStatus,
  type LedgerTotals,
  type RequestOutcome,
  type Settlement,
  type UnsettledEntry,
  unsettledOf
} from "./ledger/entry.ts"
import { LedgerReader } from "./ledger/LedgerReader.ts"
import type { Question } from "./ledger/reader.ts"
import { LedgerSums } from "./ledger/LedgerSums.ts"
import { LedgerWriter } from "./ledger/LedgerWriter.ts"
import { Rollup } from "./ledger/rollup.ts"
import { attemptRowOf, requestRowOf, settlementRowOf } from "./ledger/rows.ts"
import { startedWriter } from "./ledger/startedWriter.ts"
import { type UsageQuery, type UsageReport, usageOfRollup, usageReportOf } from "./ledger/usage.ts"
import { type UsageFormat, usageText } from "./ledger/usageText.ts"
import { Telemetry } from "./telemetry/Telemetry.ts"
import { Watchdog } from "./Watchdog.ts"

export type { LedgerEntry, LedgerTotals, RequestOutcome }

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
    /** Announces a request: its outcome is to be appended with what this returns, once. Commits wait for their company. */
    readonly openRequest: () => (outcome: RequestOutcome) => void
    /** Corrects the sums of an entry that is there, once. */
    readonly appendSettlement: (settlement: Settlement) => void
    /** Calls with every entry from now on whose cost may be settled later. There is one listener, which must not wait. */
    readonly onUnsettled: (listener: (entry: UnsettledEntry) => void) => void
    /** Entries since a time that were not settled; the latest so many, oldest first. */
    readonly unsettledSince: (
      sinceMillis: number,
      most: number
    ) => Effect.Effect<ReadonlyArray<UnsettledEntry>, LedgerUnavailable>
    /**
     * Returns once what was appended before is kept: the last byte of an answer waits for it. It does not wait for a
     * disk that is in trouble.
     */
    readonly committed: Effect.Effect<void>
    readonly totals: Effect.Effect<LedgerTotals>
    /** What each key's entries of a day (UTC, days since the epoch) cost, those of other routers in the file too. */
    readonly spending: (day: number) => Effect.Effect<ReadonlyMap<string, PicoDollars>, LedgerUnavailable>
    /** Sums of the time asked for, whole hours at least, of all that was appended before. */
    readonly usage: (query: UsageQuery) => Effect.Effect<UsageReport, LedgerUnavailable>
    /** The same as its readers get it. */
    readonly usageText: (query: UsageQuery, format: UsageFormat) => Effect.Effect<Uint8Array, LedgerUnavailable>
    /** Writes a copy to a new file. */
    readonly backup: (path: string) => Effect.Effect<void, LedgerUnavailable>
    readonly status: () => LedgerStatus
    /** Reported against computed cost by model, of all time; cheap, and live. */
    readonly drift: () => ReadonlyMap<string, Drift>
    /** Where the entries are kept, as `/health` tells it. */
    readonly location: string
  }
>()("@llm-router/router/CostLedger") {
  /** Sums that live as long as the process. */
  static readonly layerMemory = Layer.effect(
    CostLedger,
    Effect.map(Watchdog, ({ now }) => {
      const sums = new LedgerSums(now())
      const rollup = new Rollup(mostSumsInMemory)
      let onUnsettled: (entry: UnsettledEntry) => void = () => undefined
      const appendRequest = (outcome: RequestOutcome): void => {
        sums.addRequest(outcome)
        rollup.add(requestRowOf(0, outcome))
      }
      return CostLedger.of({
        location: "memory",
        appendAttempt: (entry) => {
          sums.addAttempt(entry)
          rollup.add(attemptRowOf(0, entry))
          const unsettled = unsettledOf(entry)
          if (unsettled !== undefined) onUnsettled(unsettled)
        },
        appendRequest,
        openRequest: () => appendRequest,
        appendSettlement: (settlement) => {
          sums.addSettlement(settlement)
          rollup.add(settlementRowOf(0, settlement))
        },
        onUnsettled: (listener) => {
          onUnsettled = listener
        },
        unsettledSince: () => Effect.succeed([]),
        committed: Effect.void,
        totals: Effect.sync(() => sums.totals()),
        spending: (day) =>
          Effect.sync(() => {
            const [fromMillis, toMillis] = [day * dayMillis, (day + 1) * dayMillis]
            const { rows } = usageReportOf(["key"], usageOfRollup({ fromMillis, toMillis, groupBy: ["key"] }, rollup))
            return new Map(rows.map(({ cost, group }) => [group.key ?? "", cost]))
          }),
        usage: (query) => Effect.sync(() => usageReportOf(query.groupBy, usageOfRollup(query, rollup))),
        usageText: (query, format) => Effect.sync(() => usageText(query, usageOfRollup(query, rollup), format)),
        backup: () => new LedgerUnavailable({ message: "The ledger is kept in memory: set LEDGER_PATH to a file." }),
        status: () => ({ state: "ok", message: undefined, queued: 0, lost: 0 }),
        drift: () => sums.driftByModel
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
        const run = Effect.runForkWith(yield* Effect.context<never>())
        const sums = new LedgerSums(now())
        let underWay = 0
        let onUnsettled: (entry: UnsettledEntry) => void = () => undefined
        const reader = yield* Effect.acquireRelease(
          Effect.sync(() => new LedgerReader(path, () => connect())),
          ({ close }) => close
        )
        const unopened = new LedgerWriter({
          path,
          queueEntries: options.queueEntries,
          now,
          underWay: () => underWay,
          onOpened: ({ isAnother, snapshot }) => {
            if (snapshot !== undefined) sums.addEarlier(snapshot)
            if (isAnother)
              void run(Effect.logWarning(`${path} was moved, removed or emptied: entries go into a new file.`))
          },
          onStart: () => connect(),
          metrics
        })
        /** Lets the reading thread know of every commit, once both threads are there. */
        const connect = (): void => {
          if (!reader.isStarted) return
          const { port1, port2 } = new MessageChannel()
          unopened.feed(port1)
          reader.feed(port2)
        }
        const writer = yield* startedWriter(unopened).pipe(
          Effect.mapError(
            (fault) =>
              new LedgerUnusable({
                message: `The ledger cannot be used: ${fault}. Nothing was changed; set LEDGER_PATH to another file, or move this one away.`
              })
          )
        )
        yield* Effect.sleep(untilReading).pipe(Effect.andThen(reader.start), Effect.forkScoped)
        const keepDays = Math.max(1, options.retentionDays)
        yield* Effect.sync(() => writer.prune(now() - keepDays * dayMillis)).pipe(
          Effect.andThen(Effect.sleep("1 minute")),
          Effect.forever,
          Effect.forkScoped
        )
        let damage: string | undefined
        let unanswered: { readonly question: Question; readonly problem: string } | undefined
        const ask = (question: Question) =>
          reader.ask(question).pipe(
            Effect.tap(() =>
              Effect.sync(() => {
                if (unanswered?.question._tag === question._tag) unanswered = undefined
              })
            ),
            Effect.catch((problem) => {
              const isNews = unanswered === undefined
              unanswered = { question, problem }
              return Effect.andThen(
                isNews ? Effect.logError(`The ledger cannot be read: ${problem}`) : Effect.void,
                new LedgerUnavailable({ message: problem })
              )
            })
          )
        // What could not be read is tried again: nobody else may ask for long.
        yield* Effect.suspend(() =>
          unanswered === undefined ? Effect.void : Effect.ignore(ask(unanswered.question))
        ).pipe(Effect.andThen(Effect.sleep("10 seconds")), Effect.forever, Effect.forkScoped)
        if (!writer.checked) {
          // By a thread of its own: it takes seconds, and a question must not wait for it.
          const checker = new LedgerReader(path)
          yield* checker.ask({ _tag: "Check" }).pipe(
            Effect.catch((problem) => {
              damage = problem
              return Effect.logError(`The ledger's check found a fault. ${problem}`)
            }),
            Effect.ensuring(checker.close),
            Effect.forkScoped
          )
        }
        const appendRequest = (outcome: RequestOutcome): void => {
          sums.addRequest(outcome)
          writer.append((sequence) => requestRowOf(sequence, outcome))
        }
        const appendOpened = (outcome: RequestOutcome): void => {
          underWay--
          appendRequest(outcome)
        }
        const unavailable = (message: string) => new LedgerUnavailable({ message })
        return CostLedger.of({
          location: path,
          appendAttempt: (entry) => {
            sums.addAttempt(entry)
            const unsettled = writer.append((sequence) => attemptRowOf(sequence, entry)) && unsettledOf(entry)
            if (unsettled) onUnsettled(unsettled)
          },
          appendRequest,
          openRequest: () => {
            underWay++
            return appendOpened
          },
          appendSettlement: (settlement) => {
            if (writer.append((sequence) => settlementRowOf(sequence, settlement))) sums.addSettlement(settlement)
          },
          onUnsettled: (listener) => {
            onUnsettled = listener
          },
          unsettledSince: Effect.fn("CostLedger.unsettledSince")(function* (sinceMillis, most) {
            const question = { _tag: "Unsettled", sinceMillis, most } as const
            const answer = yield* ask(question)
            return answer._tag === "Unsettled" ? answer.entries : []
          }),
          committed: writer.committed,
          totals: Effect.sync(() => sums.totals()),
          spending: Effect.fn("CostLedger.spending")(function* (day) {
            yield* writer.committed
            const answer = yield* ask({ _tag: "Spending", day })
            return answer._tag === "Spending" ? answer.byKey : yield* unavailable("The ledger gave another answer.")
          }),
          usage: Effect.fn("CostLedger.usage")(function* (query) {
            yield* writer.committed
            const answer = yield* ask({ _tag: "Usage", query })
            if (answer._tag !== "Usage") return yield* unavailable("The ledger gave another answer.")
            return usageReportOf(query.groupBy, answer.grouped)
          }),
          usageText: Effect.fn("CostLedger.usageText")(function* (query, format) {
            yield* writer.committed
            const answer = yield* ask({ _tag: "UsageText", query, format })
            return answer._tag === "UsageText" ? answer.text : yield* unavailable("The ledger gave another answer.")
          }),
          backup: Effect.fn("CostLedger.backup")(function* (target) {
            yield* writer.committed
            yield* Effect.mapError(reader.ask({ _tag: "Backup", path: resolve(target) }), unavailable)
          }),
          status: () => ({
            ...writer.status(),
            ...(damage === undefined ? {} : { damage }),
            ...(unanswered === undefined ? {} : { unreadable: unanswered.problem })
          }),
          drift: () => sums.driftByModel
        })
      })
    )

  static readonly layer = (options: LedgerOptions) =>
    options.path === ":memory:" ? CostLedger.layerMemory : CostLedger.layerSqlite(options)
}

const dayMillis = 86_400_000
/** The sums are taken into memory once the router has started; a question that comes before starts it too. */
const untilReading = "2 seconds"
/** Some 20 MB of hourly sums; what is beyond goes under `other`. */
const mostSumsInMemory = 50_000

/** A sum as JSON shows it: USD by name. */
export const dollarsByKey = (costs: ReadonlyMap<string, PicoDollars>): Readonly<Record<string, number>> =>
  Object.fromEntries([...costs].map(([key, cost]) => [key, dollarsOf(cost)]))
