/** One model's tries under a test's clock: a client that fails as the test says, behind the real circuit and ledger. */
import { assert, it } from "@effect/vitest"
import { directCategory } from "@llm-router/domain/Decision"
import { ModelError, type ModelErrorReason } from "@llm-router/domain/ModelError"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { attemptModel, newTrail } from "../src/attempt.ts"
import { CircuitBreaker } from "../src/CircuitBreaker.ts"
import { ConfigStore } from "../src/ConfigStore.ts"
import { CostLedger } from "../src/CostLedger.ts"
import { RequestScope } from "../src/RequestScope.ts"
import { RequestTelemetry } from "../src/telemetry/RequestTelemetry.ts"
import { Telemetry } from "../src/telemetry/Telemetry.ts"
import { UpstreamStatus } from "../src/UpstreamStatus.ts"
import { Watchdog } from "../src/Watchdog.ts"
import { callUnlisted, ignored, madeUp, view } from "./circuitTools.ts"
import { requestOf } from "./requests.ts"

const model = "a/one"

const parts = Layer.mergeAll(
  CircuitBreaker.layerMemory,
  CostLedger.layerMemory,
  UpstreamStatus.layer,
  ConfigStore.layerMemory()
).pipe(Layer.provideMerge(Watchdog.layer))

/** Begins to ask a model that always fails so, for a request that may take so long. */
const asking = Effect.fnUntraced(function* (
  reason: ModelErrorReason,
  timeMillis: number,
  { category = "under-test", asked = model } = {}
) {
  const { metrics } = yield* Telemetry
  const { monotonic, now } = yield* Watchdog
  const store = yield* ConfigStore
  const trail = newTrail([])
  const services = {
    client: { configured: true, open: () => Effect.fail(new ModelError({ model, reason })) },
    circuits: yield* CircuitBreaker,
    ledger: yield* CostLedger,
    status: yield* UpstreamStatus,
    catalogue: { known: () => false, listed: () => undefined, lookup: () => undefined, isGone: () => false },
    now,
    monotonic,
    retries: 1,
    metrics
  }
  const context = {
    request: requestOf({ headers: {}, body: { model, messages: [{ role: "user", content: "hi" }] } }),
    config: store.currentUnsafe(),
    decision: {
      category,
      confidence: 1,
      reasons: [],
      source: "model",
      models: [model],
      classifierLatencyMillis: 0
    },
    trail,
    ownsModels: false,
    sessionId: "s",
    limits: {
      firstTokenMillis: 30_000,
      idleMillis: 60_000,
      keepAliveMillis: 10_000,
      requestDue: monotonic() + timeMillis
    },
    scope: new RequestScope(),
    told: new RequestTelemetry(metrics, undefined)
  } as const
  const fiber = yield* Effect.forkChild(Effect.flip(attemptModel(services, context, asked)))
  yield* TestClock.adjust(0)
  return { fiber, trail }
})

const unavailable: ModelErrorReason = { _tag: "Unavailable", message: "503", status: 503 }
const limited: ModelErrorReason = { _tag: "RateLimited", message: "429", retryAfterMillis: 1_000 }

it.effect.each([
  { name: "its delay", reason: unavailable, timeMillis: 150 },
  { name: "its Retry-After", reason: limited, timeMillis: 999 }
])("a second try that the request's time ends before, by $name, is not waited for", ({ reason, timeMillis }) =>
  Effect.gen(function* () {
    const { fiber, trail } = yield* asking(reason, timeMillis)
    assert.isDefined(fiber.pollUnsafe())
    assert.strictEqual((yield* Fiber.join(fiber))._tag, "ModelError")
    assert.strictEqual(trail.attempts.length, 1)
  }).pipe(Effect.provide(parts, { local: true }))
)

it.effect.each([
  { name: "its delay", reason: unavailable, timeMillis: 300 },
  { name: "its Retry-After", reason: limited, timeMillis: 1_100 }
])("a second try that the request has time for, by $name, is made", ({ reason, timeMillis }) =>
  Effect.gen(function* () {
    const { fiber, trail } = yield* asking(reason, timeMillis)
    assert.isUndefined(fiber.pollUnsafe())
    yield* TestClock.adjust(timeMillis)
    yield* Fiber.join(fiber)
    assert.strictEqual(trail.attempts.length, 2)
  }).pipe(Effect.provide(parts, { local: true }))
)

const rejected: ModelErrorReason = { _tag: "InvalidOutput", message: "no choices" }

it.effect.each([
  { name: "made up", asked: "one/more", state: "closed" },
  { name: "of a chain", asked: "z-ai/glm-5", state: "open" }
])("where strangers have taken up all circuits, a model that the caller names and that is $name", ({ asked, state }) =>
  Effect.gen(function* () {
    yield* Effect.forEach(madeUp, (key) => callUnlisted(ignored, key), { discard: true })
    const { circuit } = (yield* ConfigStore).currentUnsafe()
    const ask = Effect.flatMap(asking(rejected, 1_000, { category: directCategory, asked }), ({ fiber }) =>
      Fiber.join(fiber)
    )
    yield* Effect.repeat(ask, { times: circuit.failureThreshold - 1 })
    assert.strictEqual((yield* view(asked)).state, state)
  }).pipe(Effect.provide(parts, { local: true }))
)
