/** Answers that no upstream sends on purpose: they are failures of their model, and the next one is asked. */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, custom, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, circuits, errorOf, setChain, withServer } from "./harness.ts"

const failing = (code: unknown): Behaviour => status(200, { body: { error: { code, message: "boom" } } })

const rows: ReadonlyArray<readonly [what: string, behaviour: Behaviour]> = [
  ["an error's code of 1e300", failing(1e300)],
  ["an error's code of 2 to the 53rd", failing(2 ** 53)],
  ["an error's code that is a text of a number", failing("1e300")],
  ["an error's code that is no status", failing(600)],
  ["an error's code that makes no text", failing({ toString: 1 })]
]

/** Deeper than what is to be written again can be. */
const deepAnswer = custom((exchange) => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
  const choice = `{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}`
  return exchange.send(200, "application/json", `{"id":"g","model":"a/one","x":${deep},"choices":[${choice}]}`)
})

describe.each([true, false])("stream: %s", (stream) => {
  it.live.each(rows)("%s", ([, behaviour]) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script("a/one", behaviour)
      const answer = yield* chat({ model: "under-test", stream })
      assert.strictEqual(answer.status, 200, answer.text)
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual((yield* circuits).failures["a/one"], 1)
    }).pipe(withServer())
  )
})

it.live("a whole answer to a stream that is too deep to be written again", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"])
    yield* upstream.script("a/one", deepAnswer)
    const answer = yield* chat({ model: "under-test", stream: true })
    assert.strictEqual(answer.status, 200, answer.text)
    assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
  }).pipe(withServer())
)

it.live("a key that stands where a long message is cut is not told in part", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    const key = "a-key-of-another-kind-0123456789"
    yield* setChain(["a/one"])
    for (const before of [970, 2_000]) {
      yield* upstream.script("a/one", status(400, { message: `${"x".repeat(before)} ${key}` }))
      const { message } = errorOf((yield* chat({ model: "under-test" })).text)
      assert.isAtMost(message.length, 1_000)
      assert.notInclude(message, key.slice(0, 8))
    }
  }).pipe(withServer({ OPENROUTER_API_KEY: "a-key-of-another-kind-0123456789" }))
)
