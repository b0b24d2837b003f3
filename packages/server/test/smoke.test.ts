import { assert, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, contentOf, eventsOf, setChain, withServer } from "./harness.ts"

it.live("a failing first model is rescued by the second, streamed", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"])
    yield* upstream.script("a/one", status(500))
    const answer = yield* chat({ model: "under-test", stream: true })
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
    assert.strictEqual(answer.headers.get("x-router-attempts"), "2")
    assert.strictEqual(contentOf(answer.text), "Hello from b/two")
    assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
  }).pipe(withServer())
)
