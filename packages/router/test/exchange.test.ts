/** What a reader is told of an exchange, by the clock. */
import { Exchange, ExchangeError, silence } from "@llm-router/router/openrouter/Exchange"
import { openStream } from "@llm-router/router/openrouter/stream"
import { type Call } from "@llm-router/router/http1/UpstreamConnection"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"

const limits = { firstTokenMillis: 30_000, idleMillis: 60_000, keepAliveMillis: 10_000, requestDue: 600_000 }

/** An exchange that is under way, and the clock that it goes by. */
const underWay = () => {
  const clock = { time: 0 }
  const now = () => clock.time
  const exchange = new Exchange(
    { now, monotonic: now, watch: () => undefined, unwatch: () => undefined, after: () => () => undefined },
    limits
  )
  // The exchange uses no more of its call.
  exchange.begin(() => ({ paused: false, abort: () => undefined }) as unknown as Call)
  exchange.onSent()
  return { clock, exchange }
}

it.effect("what has come is not late because it waits to be heard", () =>
  Effect.gen(function* () {
    const { clock, exchange } = underWay()
    const opened = yield* Effect.forkChild(exchange.opened, { startImmediately: true })
    exchange.onHead(200, {})
    exchange.check((clock.time = limits.firstTokenMillis))
    yield* Fiber.join(opened)
    exchange.firstTokenSeen()
    const taken = yield* Effect.forkChild(exchange.take, { startImmediately: true })
    exchange.onData(Buffer.from("data: {}\n\n"))
    exchange.check((clock.time += limits.idleMillis))
    assert.strictEqual(String(yield* Fiber.join(taken)), "data: {}\n\n")
  })
)

it.effect("a chunk that came while the reader was away ends the silence that it was told of", () =>
  Effect.gen(function* () {
    const { clock, exchange } = underWay()
    exchange.onHead(200, {})
    exchange.firstTokenSeen()
    const first = yield* Effect.forkChild(exchange.take, { startImmediately: true })
    exchange.check((clock.time = 10_000))
    assert.strictEqual(yield* Fiber.join(first), silence)
    clock.time = 20_000
    exchange.onData(Buffer.from("data: {}\n\n"))
    clock.time = 65_000
    assert.strictEqual(String(yield* exchange.take), "data: {}\n\n")
    exchange.heard(true)
    const next = yield* Effect.forkChild(Effect.result(exchange.take), { startImmediately: true })
    exchange.check((clock.time = 124_000))
    assert.strictEqual((yield* Fiber.join(next))._tag, "Success")
    const last = yield* Effect.forkChild(Effect.flip(exchange.take), { startImmediately: true })
    exchange.check((clock.time = 125_000))
    const error = yield* Fiber.join(last)
    assert.instanceOf(error, ExchangeError)
    assert.strictEqual(error.cause, "idle")
  })
)

const token = `data: {"choices":[{"index":0,"delta":{"content":"one"}}]}\n\n`
const comment = ": OPENROUTER PROCESSING\n\n"

/** A stream whose first token was read, and what its reader gets next; `passes` lets time pass while it waits. */
const streaming = Effect.fnUntraced(function* () {
  const { clock, exchange } = underWay()
  exchange.onHead(200, {})
  exchange.onData(Buffer.from(token))
  const { next } = yield* openStream(exchange, {
    dropUsageChunk: false,
    choices: 1,
    key: undefined,
    now: () => clock.time
  })
  assert.strictEqual(String(yield* next), token)
  const wait = () => Effect.forkChild(Effect.result(next), { startImmediately: true })
  const passes = (millis: number) => exchange.check((clock.time += millis))
  return { clock, exchange, wait, passes }
})

/** Whether the idle limit ends a stream that gets these, 9 s apart, from its first token on. */
const endsIdle = Effect.fnUntraced(function* (pieces: ReadonlyArray<string>) {
  const { exchange, passes, wait } = yield* streaming()
  let reading = yield* wait()
  /** Reads on, whatever it was told; what has come is heard in a turn of its own. */
  const goOn = Effect.gen(function* () {
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    for (let told = reading.pollUnsafe(); told !== undefined; told = reading.pollUnsafe()) {
      if ((yield* told)._tag === "Failure") return true
      reading = yield* wait()
    }
    return false
  })
  for (const piece of pieces) {
    passes(9_000)
    yield* goOn
    exchange.onData(Buffer.from(piece))
    yield* goOn
  }
  passes(limits.idleMillis - 9_000 * pieces.length - 1)
  assert.isFalse(yield* goOn)
  passes(1)
  return yield* goOn
})

it.effect.each([
  { name: "comments", piece: comment, ends: true },
  { name: "pieces of a comment", piece: ": and so on", ends: true },
  { name: "blank lines", piece: "\n\n", ends: true },
  { name: "single line ends", piece: "\r", ends: true },
  { name: "events", piece: "data: {}\n\n", ends: false },
  { name: "pieces of an event", piece: 'data: {"a":', ends: false },
  { name: "pieces of an event behind a comment", piece: ': and\ndata: {"a":', ends: false }
])("the idle limit ends a stream of $name: $ends", ({ ends, piece }) =>
  Effect.gen(function* () {
    assert.strictEqual(yield* endsIdle([piece, piece, piece]), ends)
  })
)

it.effect("time that the reader is away is no silence, also between comments", () =>
  Effect.gen(function* () {
    const { clock, exchange, passes, wait } = yield* streaming()
    const first = yield* wait()
    passes(9_000)
    exchange.onData(Buffer.from(comment))
    assert.strictEqual((yield* Fiber.join(first))._tag, "Success")
    clock.time += 2 * limits.idleMillis
    const second = yield* wait()
    passes(999)
    assert.isUndefined(second.pollUnsafe())
    passes(1)
    assert.deepInclude(yield* Fiber.join(second), { _tag: "Success", success: silence })
  })
)
