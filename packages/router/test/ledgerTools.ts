/** A ledger over a real file, and entries to fill it with. */
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { CostLedger, type LedgerEntry, type LedgerOptions, type RequestOutcome } from "../src/CostLedger.ts"
import { Watchdog } from "../src/Watchdog.ts"

/** The path of a file that does not exist yet, in a directory that does not either. */
export const newPath = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "ledger-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
).pipe(Effect.map((directory) => join(directory, "data", "ledger.sqlite")))

export const open = (path: string, options: Partial<LedgerOptions> = {}) =>
  Layer.build(
    Layer.fresh(CostLedger.layer({ path, retentionDays: 90, queueEntries: 100_000, ...options })).pipe(
      Layer.provide(Layer.fresh(Watchdog.layer))
    )
  ).pipe(Effect.map((context) => Context.get(context, CostLedger)))

/** Opens, uses, and closes as a process does that ends in order. */
export const during = <A, E, R>(
  path: string,
  use: (ledger: CostLedger["Service"]) => Effect.Effect<A, E, R>,
  options: Partial<LedgerOptions> = {}
) => Effect.scoped(Effect.flatMap(open(path, options), use))

/** Opened until it is closed by hand. */
export const opened = Effect.fnUntraced(function* (path: string, options: Partial<LedgerOptions> = {}) {
  const scope = yield* Scope.make()
  const ledger = yield* Effect.provideService(open(path, options), Scope.Scope, scope)
  return { ledger, close: Scope.close(scope, Exit.void) }
})

export const hour = 3_600_000
/** 2026-03-01T00:00:00Z, the start of a day. */
export const start = 1_772_323_200_000

export const entryOf = (over: Partial<LedgerEntry> = {}): LedgerEntry => ({
  timeMillis: start,
  requestId: "request",
  purpose: "chat",
  category: "coding",
  source: "keywords",
  model: "z-ai/glm-5",
  answeredBy: "z-ai/glm-5",
  attempt: 1,
  outcome: "ok",
  error: undefined,
  status: 200,
  stream: false,
  inputTokens: 10,
  cachedTokens: 0,
  outputTokens: 5,
  reasoningTokens: 0,
  cost: 1n,
  costSource: "reported",
  firstTokenMillis: 20,
  durationMillis: 40,
  generationId: undefined,
  keyId: "anonymous",
  computedCost: undefined,
  ...over
})

export const outcomeOf = (over: Partial<RequestOutcome> = {}): RequestOutcome => ({
  timeMillis: start,
  requestId: "request",
  category: "coding",
  source: "keywords",
  model: "z-ai/glm-5",
  success: true,
  attempts: 1,
  latencyMillis: 40,
  cost: 1n,
  error: undefined,
  keyId: "anonymous",
  ...over
})

/** The same numbers for the same seed, in [0, 1). */
export const randomsOf = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const oneOf = <A>(random: () => number, first: A, ...rest: ReadonlyArray<A>): A =>
  [first, ...rest][Math.floor(random() * (rest.length + 1))] ?? first

/** An entry with anything that can be told apart drawn at random, within three days. */
export const randomEntry = (random: () => number): LedgerEntry => {
  const outcome = oneOf(random, "ok", "ok", "failed", "cut", "cancelled")
  return entryOf({
    timeMillis: start + Math.floor(random() * 72 * hour),
    purpose: oneOf(random, "chat", "classification"),
    category: oneOf(random, "coding", "simple", "tools"),
    source: oneOf(random, "keywords", "ollama"),
    model: oneOf(random, "a/one", "b/two", "c/three"),
    keyId: oneOf(random, "anonymous", "k1"),
    outcome,
    error: outcome === "ok" ? undefined : oneOf(random, "RateLimited", "CutOff"),
    inputTokens: Math.floor(random() * 10_000),
    cachedTokens: Math.floor(random() * 100),
    outputTokens: Math.floor(random() * 1_000),
    reasoningTokens: Math.floor(random() * 100),
    cost: BigInt(Math.floor(random() * 1e15)) * 1_000n + BigInt(Math.floor(random() * 1_000)),
    costSource: oneOf(random, "reported", "priced", "estimated", "unpriced"),
    computedCost: oneOf(random, undefined, BigInt(Math.floor(random() * 1e15)))
  })
}

/** What a query gives of the file itself. */
export const rowsIn = (path: string, sql: string): ReadonlyArray<Record<string, unknown>> => {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

const oneRound = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

/**
 * Waits for what the ledger tries again every second, by the test's clock: how often it will have to, the real thread
 * and the real disk decide.
 */
export const untilRetried = (holds: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), oneRound), { until: holds }))

/** Waits for work of the event loop, not for time: asks again each time it went round. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const look = () => (holds() ? resume(Effect.void) : void setImmediate(look))
    look()
  })
