/** A client that leaves: the upstream's request is aborted within 100 ms. */
import { assert, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, endless, hang, stall } from "@llm-router/testing/script"
import { Effect } from "effect"
import { circuits, getJson, setChain, TestServer, withServer } from "./harness.ts"

const rounds = 20

interface Case {
  readonly name: string
  readonly behaviour: Behaviour
  readonly stream: boolean
  /** How much of the answer the client reads before it leaves. */
  readonly reads: number
}

const cases: ReadonlyArray<Case> = [
  { name: "in the middle of a stream that is silent", behaviour: stall(1), stream: true, reads: 1 },
  { name: "in the middle of a stream that goes on", behaviour: endless(5), stream: true, reads: 5 },
  { name: "before the first token of a stream", behaviour: hang, stream: true, reads: 0 },
  { name: "of an answer that is not streamed", behaviour: hang, stream: false, reads: 0 }
]

/** Asks, reads, waits until the upstream was asked, and leaves. The moment in which it left. */
const askAndLeave = ({ reads, stream }: Case, round: number) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    const { url } = yield* TestServer
    // Those who left before must not have opened the circuit: it would not be asked again.
    assert.isUndefined((yield* circuits).states["a/one"], `after ${round - 1} clients that left`)
    const controller = new AbortController()
    const response = fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "under-test", stream, messages: [{ role: "user", content: "hi" }] }),
      signal: controller.signal
    })
    response.catch(() => undefined)
    yield* upstream.awaitRequest("a/one", round)
    yield* Effect.promise(async () => {
      const reader = reads === 0 ? undefined : (await response).body?.getReader()
      for (let read = 0; read < reads; read++) await reader?.read()
    })
    const leftAt = performance.now()
    controller.abort()
    const aborted = yield* upstream.awaitAborted(round)
    return (aborted.at(-1)?.abortedAt ?? Number.POSITIVE_INFINITY) - leftAt
  })

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.POSITIVE_INFINITY

it.live.each(cases)("the upstream is left within 100 ms: $name", (row, { annotate }) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"])
    yield* upstream.script("a/one", row.behaviour)
    const delays = yield* Effect.forEach(
      Array.from({ length: rounds }, (_, index) => index + 1),
      (round) => askAndLeave(row, round)
    )
    const found = `median of ${rounds}: ${median(delays).toFixed(1)} ms, longest ${Math.max(...delays).toFixed(1)} ms`
    yield* Effect.promise(() => annotate(`${row.name}: ${found}`))
    assert.isBelow(median(delays), 100, found)
    // The caller's own end says nothing about the model, and no other model is asked in its place.
    assert.isUndefined((yield* circuits).states["a/one"])
    assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
    const metrics = yield* Effect.repeat(getJson("/metrics"), { until: ({ requests }) => requests.total === rounds })
    assert.strictEqual(metrics.requests.success, 0)
  }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000", UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
)

it.live("the upstream is left within 100 ms: a stream that was kept alive before its first token", ({ annotate }) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"])
    yield* upstream.script("a/one", hang)
    const row: Case = { name: "kept alive", behaviour: hang, stream: true, reads: 1 }
    const delays = yield* Effect.forEach(
      Array.from({ length: rounds }, (_, index) => index + 1),
      (round) => askAndLeave(row, round)
    )
    const found = `median of ${rounds}: ${median(delays).toFixed(1)} ms, longest ${Math.max(...delays).toFixed(1)} ms`
    yield* Effect.promise(() => annotate(`${row.name}: ${found}`))
    assert.isBelow(median(delays), 100, found)
    assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
  }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000", STREAM_KEEPALIVE_MS: "40" }))
)
