/** Decisions over the turns of a conversation, by the real rules on a clock that the test moves. */
import { assert, describe, it } from "@effect/vitest"
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Classifier } from "../src/Classifier.ts"
import { classifyByKeywords } from "../src/classifiers/keywords.ts"
import { Decisions } from "../src/decide.ts"
import { Watchdog } from "../src/Watchdog.ts"
import { requestOf } from "./requests.ts"

const configOf = (categories: ReadonlyArray<Category>): RouterConfig => ({
  etag: String(categories.length),
  categories: new Map(categories.map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
})

const poems: Category = { name: "poems", models: ["a/one"], keywords: ["poem"], description: "", builtin: false }
const config = configOf(builtinCategories)
const withPoems = configOf([...builtinCategories, poems])

const keywords = Layer.succeed(
  Classifier,
  Classifier.of({
    mode: "keywords",
    backends: [],
    classifyAtOnce: (current, text) => {
      const classification = classifyByKeywords(current, text)
      const source = classification === undefined ? "default" : "keywords"
      return { source, classification, latencyMillis: 0 }
    },
    classify: () => Effect.die("It is asked at once.")
  })
)

const rules = Decisions.layer({ toolsRouting: "auto", defaultCategory: "conversation", defaultModel: "a/one" }).pipe(
  Layer.provide(keywords),
  Layer.provide(Watchdog.layer)
)

type Message = { readonly role: string; readonly content: string | null }

const session = { "x-session-id": "ses_1" }
const human = (content: string): Message => ({ role: "user", content })
const requestWith = (messages: ReadonlyArray<Message>, body: object = {}, headers = session) =>
  requestOf({ headers, body: { model: "router", messages, ...body } })

const dryRun = Effect.fnUntraced(function* (request: ReturnType<typeof requestWith>, current: RouterConfig = config) {
  return (yield* (yield* Decisions).decide(current, request)).decision
})

const sent = Effect.fnUntraced(function* (request: ReturnType<typeof requestWith>, current: RouterConfig = config) {
  const decisions = yield* Decisions
  const decided = yield* decisions.decide(current, request)
  decisions.remember(decided)
  return decided.decision
})

const quicksort = requestWith([human("write a python function that sorts a list")])
const followUp = requestWith([human("and for the empty one?")])

describe("a conversation", () => {
  it.effect("goes on for 30 minutes", () =>
    Effect.gen(function* () {
      yield* sent(quicksort)
      yield* TestClock.adjust(Duration.minutes(30))
      assert.strictEqual((yield* dryRun(followUp)).category, "code")
      yield* TestClock.adjust(Duration.millis(1))
      assert.strictEqual((yield* dryRun(followUp)).category, "conversation")
    }).pipe(Effect.provide(rules))
  )

  it.effect("is not changed by dry runs", () =>
    Effect.gen(function* () {
      yield* sent(quicksort)
      yield* dryRun(requestWith([human("By the way, why is the sky blue, and how do rainbows come about?")]))
      assert.deepInclude(yield* dryRun(followUp), {
        category: "code",
        source: "keywords",
        reasons: ["follow-up of a code conversation"]
      })
    }).pipe(Effect.provide(rules))
  )

  it.effect("whose category was deleted is over", () =>
    Effect.gen(function* () {
      yield* sent(requestWith([human("write a poem about the sea and the moon")]), withPoems)
      assert.strictEqual((yield* dryRun(followUp, withPoems)).category, "poems")
      assert.strictEqual((yield* dryRun(followUp)).category, "conversation")
    }).pipe(Effect.provide(rules))
  )

  it.effect("owes nothing to what the caller forced", () =>
    Effect.gen(function* () {
      yield* sent(quicksort)
      yield* sent(requestWith([human("hello there")], { model: "reasoning" }))
      assert.strictEqual((yield* dryRun(followUp)).category, "code")
    }).pipe(Effect.provide(rules))
  )
})

describe("a tool loop", () => {
  const call = { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function" }] }
  const result = { role: "tool", content: "why is the sky blue? write a poem", tool_call_id: "c" }
  const words = "In the project, find the bug in the python file"
  const turn = (...loop: ReadonlyArray<Message>) => requestWith([human(words), ...loop])

  it.effect("keeps its turn's category, even when a new one would match now", () =>
    Effect.gen(function* () {
      yield* sent(turn())
      const bugs = { ...poems, name: "bugs", keywords: ["bug"] }
      const now = configOf([...builtinCategories, bugs])
      assert.strictEqual((yield* sent(turn(call, result), now)).category, "code")
      assert.deepInclude(yield* sent(turn(call, result, call, result), now), {
        category: "code",
        source: "keywords",
        reasons: ["tool loop of a code turn"]
      })
      assert.strictEqual((yield* dryRun(turn(), now)).category, "bugs")
    }).pipe(Effect.provide(rules))
  )

  it.effect("that the tools began goes on with them, though the words do not need any", () =>
    Effect.gen(function* () {
      const tools = [{ type: "function", function: { name: "exec" } }]
      yield* sent(requestWith([human(words)], { tools }))
      assert.strictEqual((yield* sent(turn(call, result))).category, "tools")
      // And the next turn knows nothing of tools.
      assert.strictEqual((yield* dryRun(requestWith([human("thanks")]))).category, "conversation")
    }).pipe(Effect.provide(rules))
  )

  it.effect("leaves the conversation as its turn made it", () =>
    Effect.gen(function* () {
      yield* sent(turn())
      yield* sent(turn(call, result))
      yield* sent(turn(call, result, call, result))
      assert.strictEqual((yield* dryRun(requestWith([human("thanks")]))).category, "code")
    }).pipe(Effect.provide(rules))
  )
})
