/** What hurt in the first version, and what it promised of its routing. */
import { expect, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, ok, status } from "@llm-router/testing/script"
import { Deferred, Effect } from "effect"
import { describe } from "vitest"
import { chat, circuits, contentOf, eventsOf, human, planOf, post, postJson, setChain, withServer } from "./harness.ts"

describe("its own expectations, in keywords mode", () => {
  it.live.each([
    ["écris une fonction python", "code"],
    ["def fibonacci(n):", "code"],
    ["import pandas", "code"],
    ["function hello()", "code"],
    ["const x =", "code"],
    ["pourquoi le ciel est bleu", "reasoning"],
    ["explique comment", "reasoning"],
    ["analyse ce problème", "reasoning"],
    ["bonjour", "conversation"],
    ["merci", "conversation"],
    ["ok", "conversation"]
  ])("%s is about %s", ([words, category]) =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "router", messages: human(words) }, {}, "/chat/completions")
      expect(answer.headers.get("x-router-category")).toBe(category)
      expect(yield* planOf({ messages: human(words) })).toMatchObject({ category })
    }).pipe(withServer())
  )
})

describe("substrings are no keywords", () => {
  it.live.each([
    ["this is good, a good day to you", "code", "go"],
    ["is this what you think of Chicago and Michigan?", "conversation", "hi"],
    ["He went to the gymnasium to be assessed in classical Portuguese", "code", "class"],
    ["I am capitalising on the filed reports", "code", "api"]
  ])("%s", ([words, category, keyword]) =>
    Effect.gen(function* () {
      const { evidence } = yield* planOf({ messages: human(words) })
      expect(evidence.keywords).not.toContainEqual(expect.objectContaining({ category, keyword }))
    }).pipe(withServer())
  )

  it.live("good, this, nothing: none of these is about code", () =>
    Effect.gen(function* () {
      for (const words of ["good morning to you all", "this is a good thing", "nothing special today"]) {
        expect(yield* planOf({ messages: human(words) }), words).toMatchObject({ category: "conversation" })
      }
    }).pipe(withServer())
  )
})

describe("short continuations stay with the category", () => {
  const continuations = ["ok", "yes", "thanks", "go on", "oui", "👍"]

  it.live.each(continuations)("of the messages: %s", (words) =>
    Effect.gen(function* () {
      const messages = [
        ...human("write a python function that sorts a list"),
        { role: "assistant", content: "def sort(items): ..." },
        ...human(words)
      ]
      const answer = yield* chat({ messages })
      expect(answer.headers.get("x-router-category")).toBe("code")
      expect(answer.headers.get("x-router-model")).toBe("z-ai/glm-5")
    }).pipe(withServer())
  )

  it.live.each(continuations)("of the session that `user` names: %s", (words) =>
    Effect.gen(function* () {
      const categoryOf = (user: string, content: string) =>
        Effect.map(chat({ user, messages: human(content) }), ({ headers }) => headers.get("x-router-category"))
      expect(yield* categoryOf("ada", "why is the sky blue, and how do rainbows come about?")).toBe("reasoning")
      expect(yield* categoryOf("bob", "write a python function that sorts a list")).toBe("code")
      expect(yield* categoryOf("ada", words)).toBe("reasoning")
      expect(yield* categoryOf("bob", words)).toBe("code")
      expect(yield* categoryOf("bob", words)).toBe("code")
      expect(yield* categoryOf("eve", words)).toBe("conversation")
    }).pipe(withServer())
  )
})

describe("short words that tell are taken at their word", () => {
  const before = "why is the sky blue, and how do rainbows come about?"

  it.live.each([
    ["write a poem", "creative"],
    ["a poem, please", "creative"],
    ["now python code", "code"],
    ["def fibonacci(n):", "code"],
    ["import pandas", "code"]
  ])("%s", ([words, category]) =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "creative", models: ["a/one"], keywords: ["poem"] })
      const messages = [...human(before), { role: "assistant", content: "Because." }, ...human(words)]
      expect(yield* planOf({ messages })).toMatchObject({ category })
      const categoryOf = (content: string) =>
        Effect.map(chat({ user: "ada", messages: human(content) }), ({ headers }) => headers.get("x-router-category"))
      expect(yield* categoryOf(before)).toBe("reasoning")
      expect(yield* categoryOf(words ?? "")).toBe(category)
      expect(yield* categoryOf("ok")).toBe(category)
    }).pipe(withServer())
  )

  it.live.each(["why?", "how so?", "which one?", "et en français ?", "thank you", "no, the other one"])(
    "others go on: %s",
    (words) =>
      Effect.gen(function* () {
        const messages = [...human("write a python function"), { role: "assistant", content: "def" }, ...human(words)]
        expect(yield* planOf({ messages })).toMatchObject({ category: "code" })
      }).pipe(withServer())
  )

  it.live.each([
    [["write a python function", "thanks", "ok"], "code"],
    [["explain TLS", "ok"], "reasoning"],
    [["write a python function", "explain it", "ok"], "code"],
    [["write a poem", "why is the sky blue, and how do rainbows come about?", "ok"], "reasoning"],
    [["hello", "thanks", "ok"], "conversation"]
  ] as const)("the last words that tell decide: %j", ([said, category]) =>
    Effect.gen(function* () {
      expect(yield* planOf({ messages: said.flatMap((words) => human(words)) })).toMatchObject({ category })
    }).pipe(withServer())
  )
})

describe("circuits", () => {
  const fails = (category: string) => Effect.forEach([1, 2, 3], () => chat({ model: category }))

  it.live.each(["a/one", "a%2Fone"])("are reset under %s", (path) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", status(500))
      yield* fails("under-test")
      expect((yield* circuits).open_circuits).toEqual({ "a/one": true })
      expect(yield* postJson(`/circuit-breaker/reset/${path}`, {})).toMatchObject({
        status: 200,
        json: { status: "ok", model: "a/one", state: "closed", was: "open" }
      })
      expect(yield* circuits).toMatchObject({ open_circuits: {}, failures: {}, last_failure: {} })
      yield* upstream.script("a/one", ok())
      expect((yield* chat({ model: "under-test" })).status).toBe(200)
    }).pipe(withServer())
  )

  it.live.each(["/circuit-breaker/reset", "/circuit-breaker/reset/", "/circuit-breaker/reset-all"])(
    "that are all open recover without a restart: %s",
    (path) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        yield* setChain(["a/one", "b/two"])
        yield* upstream.scriptAll(status(500))
        yield* fails("under-test")
        const locked = yield* chat({ model: "under-test" })
        expect(locked.status).toBe(503)
        expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(0)
        yield* upstream.scriptAll(ok())
        expect(yield* postJson(path, {})).toMatchObject({ status: 200, json: { status: "ok" } })
        expect((yield* chat({ model: "under-test" })).status).toBe(200)
      }).pipe(withServer())
  )

  it.live("that are all open recover by themselves", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.scriptAll(status(500))
      yield* fails("under-test")
      yield* upstream.scriptAll(ok())
      yield* Effect.repeat(chat({ model: "under-test" }), { until: (answer) => answer.status === 200 })
      expect((yield* circuits).open_circuits).toEqual({})
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "50" }))
  )
})

describe("streams", () => {
  it.live("reach the client before the upstream is done", () =>
    Effect.gen(function* () {
      const seen = yield* Deferred.make<void>()
      const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* exchange.write(chunk("first"))
            yield* Deferred.await(seen)
            yield* exchange.write(`${chunk(" last")}data: [DONE]\n\n`)
            yield* exchange.end
          })
        )
      )
      const response = yield* post("/v1/chat/completions", { model: "under-test", stream: true, messages: human("x") })
      const decoder = new TextDecoder()
      const [first, rest] = yield* Effect.promise(async () => {
        const reader = response.body?.getReader()
        const beginning = decoder.decode((await reader?.read())?.value)
        Deferred.doneUnsafe(seen, Effect.void)
        let text = ""
        for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
          text += decoder.decode(read.value)
        }
        return [beginning, text]
      })
      expect(contentOf(first ?? "")).toBe("first")
      expect(contentOf(rest ?? "")).toBe(" last")
      expect(eventsOf(rest ?? "").at(-1)).toBe("[DONE]")
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "60000" }))
  )
})

describe("messages reach the upstream as they are", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=", detail: "low" } }
  const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } }

  it.live.each([
    [
      "tool calls and their results",
      [
        { role: "user", content: "weather?" },
        {
          role: "assistant",
          content: null,
          tool_calls: [call],
          reasoning_details: [{ type: "reasoning.encrypted", data: "x" }]
        },
        { role: "tool", tool_call_id: "call_1", content: "sunny" }
      ]
    ],
    ["parts of text and an image", human([{ type: "text", text: "What is this?" }, image])],
    ["an image alone", human([image])],
    [
      "unknown parts and fields",
      [{ ...human([{ type: "input_audio", input_audio: { data: "aa" } }])[0], name: "ada", x: 1 }]
    ],
    ["all kinds of letters", human('Ça va ? 東京 \u0000 \ud83d\ude00 \u2028 "quoted" \\ back')]
  ])("%s", ([, messages]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const answer = yield* chat({ model: "under-test", messages })
      expect(answer.status).toBe(200)
      const [request] = yield* (yield* FakeOpenRouter).awaitRequest("a/one")
      expect(request?.json).toMatchObject({ messages })
    }).pipe(withServer())
  )

  it.live("letters of all kinds survive in an error's message", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script("a/one", status(400, { message: "Clé refusée: 東京 😀" }))
      const answer = yield* chat({ model: "under-test" })
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.text).error.message).toContain("Clé refusée: 東京 😀")
    }).pipe(withServer())
  )

  it.live("text in parts is classified as a string would be", () =>
    Effect.gen(function* () {
      const parts = [{ type: "text", text: "write a python" }, image, { type: "text", text: "function" }]
      expect(yield* planOf({ messages: human(parts) })).toMatchObject({ category: "code" })
    }).pipe(withServer())
  )
})
