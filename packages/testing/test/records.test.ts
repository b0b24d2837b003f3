import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { FakeOpenRouter } from "../src/FakeOpenRouter.ts"
import * as Script from "../src/script.ts"
import { send } from "./client.ts"
import { answerOf, ask, test } from "./fake.ts"

test(
  "a sequence gives each call its own, then repeats the last; a model's script wins over the one of all",
  Effect.gen(function* () {
    const fake = yield* FakeOpenRouter
    yield* fake.script("a/b", Script.sequence([Script.status(500), Script.reset, Script.ok()]))
    const call = Effect.map(answerOf(Script.status(418), ask()), (answer) => answer.status)
    assert.strictEqual(yield* call, 500)
    assert.strictEqual(yield* Effect.flip(call), "ECONNRESET")
    assert.strictEqual(yield* call, 200)
    assert.strictEqual(yield* call, 200)
    assert.strictEqual((yield* answerOf(Script.status(418), ask({ model: "c/d" }))).status, 418)
    assert.strictEqual((yield* fake.requestsFor("a/b")).length, 4)
  })
)

test(
  "charges exactly what was reported, and knows the generation",
  Effect.gen(function* () {
    const fake = yield* FakeOpenRouter
    const answer = yield* answerOf(Script.ok({ usage: { cost: 0.1 } }))
    yield* answerOf(Script.ok({ usage: { cost: 0.2 } }), ask())
    yield* answerOf(Script.ok({ usage: { prompt_tokens: 1, completion_tokens: 1 } }), ask({ model: "z-ai/glm-5" }))
    yield* answerOf(Script.noUsage())
    assert.strictEqual(yield* fake.charged, 300_000_200_000n)
    const id = String(answer.headers["x-generation-id"])
    assert.include(answer.text, id)
    assert.match((yield* send(`${fake.url}/generation?id=${id}`, { method: "GET" })).text, /"total_cost":0.1,/)
    assert.strictEqual((yield* send(`${fake.url}/generation?id=x`, { method: "GET" })).status, 404)
    yield* fake.awaitCompleted(6)
    yield* fake.reset
    assert.strictEqual(yield* fake.charged, 0n)
    assert.deepStrictEqual(yield* fake.requests, [])
  })
)

test(
  "lists the models it is given",
  Effect.gen(function* () {
    const fake = yield* FakeOpenRouter
    const list = send(`${fake.url}/models`, { method: "GET" })
    assert.match((yield* list).text, /"id":"z-ai\/glm-5".*"prompt":"0.00000005","completion":"0.00000015"/)
    yield* fake.models([])
    assert.match((yield* list).text, /^{"data":\[\]/)
  })
)

test(
  "a script that throws is a failure of the fake, not a model that hangs",
  Effect.gen(function* () {
    const answer = yield* answerOf(Script.custom(() => Effect.die("bug")))
    assert.strictEqual(answer.status, 500)
    assert.strictEqual(answer.text, "the fake server failed\n")
  })
)
