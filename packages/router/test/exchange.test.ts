/** What a reader is told of an exchange, by the clock. */
import { Exchange, ExchangeError, silence } from "@llm-router/router/openrouter/Exchange"
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
