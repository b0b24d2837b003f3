/** The official `openai` client, as its users have it: only the base URL is ours. */
import { expect, it } from "@effect/vitest"
import type { Exchange } from "@llm-router/testing/Exchange"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, custom, errorAfter, hang, ok, stall, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import OpenAI, {
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError
} from "openai"
import { describe } from "vitest"
import { getJson, setChain, TestServer, withServer } from "./harness.ts"

type Streamed = OpenAI.ChatCompletionChunk

const model = "under-test"
const messages = [{ role: "user" as const, content: "hello" }]
const tools: Array<OpenAI.ChatCompletionTool> = [
  { type: "function", function: { name: "get_weather", parameters: { type: "object" } } }
]

/** Timeouts that no test waits for: what ends an exchange is the client. */
const patient = { UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "60000", UPSTREAM_IDLE_TIMEOUT_MS: "60000" }

const client = Effect.map(
  TestServer,
  ({ url }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "local-router", maxRetries: 0 })
)

const ask = <A>(call: (openai: OpenAI) => PromiseLike<A>) =>
  Effect.flatMap(client, (openai) => Effect.promise(() => call(openai)))

/** What the call throws. */
const thrown = (call: (openai: OpenAI) => PromiseLike<unknown>) =>
  Effect.flatMap(client, (openai) =>
    Effect.promise(() =>
      call(openai).then(
        () => undefined,
        (error: unknown) => error
      )
    )
  )

const all = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const list: Array<A> = []
  for await (const item of items) list.push(item)
  return list
}

const contentOf = (chunks: ReadonlyArray<Streamed>): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")

describe("completions", () => {
  it.live("come whole, with the request's id", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const completion = yield* ask((openai) => openai.chat.completions.create({ model, messages }))
      expect(completion).toMatchObject({
        object: "chat.completion",
        model: "a/one",
        choices: [{ finish_reason: "stop", message: { role: "assistant", content: "Hello from a/one" } }],
        usage: { completion_tokens: expect.any(Number) }
      })
      expect(completion).toHaveProperty("_request_id", expect.stringMatching(/^[\w-]{36}$/))
    }).pipe(withServer())
  )

  it.live("are routed under the names a user may have configured", () =>
    Effect.gen(function* () {
      for (const name of ["router", "auto", "router/code", "code", "z-ai/glm-5"]) {
        const completion = yield* ask((openai) =>
          openai.chat.completions.create({ model: name, messages: [{ role: "user", content: "python function" }] })
        )
        expect(completion.model, name).toBe("z-ai/glm-5")
      }
    }).pipe(withServer())
  )

  it.live("say in their headers how they were routed", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one", "b/two"])
      yield* (yield* FakeOpenRouter).script("a/one", status(503))
      const { response } = yield* ask((openai) => openai.chat.completions.create({ model, messages }).withResponse())
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "x-router-category": model,
        "x-router-source": "model",
        "x-router-confidence": "1.000",
        "x-router-model": "b/two",
        "x-router-attempts": "2",
        "x-router-cost-usd": expect.stringMatching(/^0\.\d+$/)
      })
    }).pipe(withServer())
  )
})

describe("streams", () => {
  it.live("come piece by piece, without a usage chunk that nobody asked for", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script("a/one", ok({ chunks: ["one ", "two ", "three"] }))
      const chunks = yield* ask(async (openai) =>
        all(await openai.chat.completions.create({ model, messages, stream: true }))
      )
      expect(contentOf(chunks)).toBe("one two three")
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop")
      expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true)
    }).pipe(withServer())
  )

  it.live("bring the usage where it was asked for", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const chunks = yield* ask(async (openai) =>
        all(
          await openai.chat.completions.create({
            model,
            messages,
            stream: true,
            stream_options: { include_usage: true }
          })
        )
      )
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: expect.any(Number) } })
    }).pipe(withServer())
  )

  it.live("feed the client's own stream helper", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const completion = yield* ask((openai) =>
        openai.chat.completions.stream({ model, messages, stream: true }).finalChatCompletion()
      )
      expect(completion.choices[0]?.message.content).toBe("Hello from a/one")
    }).pipe(withServer())
  )

  it.live.each([
    ["by an error event", errorAfter(2)],
    ["by a cut connection", cut(2)]
  ] as const)("that break %s throw after what was said", ([, behaviour]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script("a/one", behaviour)
      const seen: Array<Streamed> = []
      const error = yield* thrown(async (openai) => {
        for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
          seen.push(chunk)
        }
      })
      expect(contentOf(seen)).toBe("Hello from")
      expect(error).toBeInstanceOf(APIError)
      expect(error).toMatchObject({ code: "upstream_cut_off", type: "api_error" })
    }).pipe(withServer())
  )
})

const argumentPieces = ["{", '"ci', 'ty":"Zü', 'rich"', "}"]

/** A tool call as models stream it: the name first, the arguments in pieces that are no JSON by themselves. */
const splitToolCall = custom((exchange) =>
  Effect.gen(function* () {
    yield* exchange.head(200, { "content-type": "text/event-stream" })
    yield* event(exchange, { role: "assistant", content: null })
    yield* toolCall(exchange, { id: "call_1", type: "function", function: { name: "get_weather", arguments: "" } })
    for (const piece of argumentPieces) yield* toolCall(exchange, { function: { arguments: piece } })
    yield* event(exchange, {}, "tool_calls")
    yield* exchange.write("data: [DONE]\n\n")
    yield* exchange.end
  })
)

const event = (exchange: Exchange, delta: object, finishReason: string | null = null) =>
  exchange.write(
    `data: ${JSON.stringify({ id: "gen-1", object: "chat.completion.chunk", created: 1, model: "a/one", choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`
  )

const toolCall = (exchange: Exchange, call: object) => event(exchange, { tool_calls: [{ index: 0, ...call }] })

describe("tool calls", () => {
  const called = {
    id: "call_1",
    type: "function",
    function: { name: "get_weather", arguments: '{"city":"Zürich"}' }
  }

  it.live("come in JSON", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const toolCalls = [{ name: "get_weather", arguments: '{"city":"Zürich"}' }]
      yield* (yield* FakeOpenRouter).script("a/one", ok({ toolCalls }))
      const completion = yield* ask((openai) => openai.chat.completions.create({ model, messages, tools }))
      expect(completion.choices[0]).toMatchObject({
        finish_reason: "tool_calls",
        message: { content: null, tool_calls: [called] }
      })
    }).pipe(withServer())
  )

  it.live("come streamed, their arguments in pieces", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script("a/one", splitToolCall)
      const chunks = yield* ask(async (openai) =>
        all(await openai.chat.completions.create({ model, messages, tools, stream: true }))
      )
      const pieces = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
      expect(pieces.map((piece) => piece.function?.arguments)).toEqual(["", ...argumentPieces])
      const completion = yield* ask((openai) =>
        openai.chat.completions.stream({ model, messages, tools, stream: true }).finalChatCompletion()
      )
      expect(completion.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { tool_calls: [called] } })
    }).pipe(withServer())
  )

  it.live("go on with the tool's result, as the client sends it", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      const conversation: Array<OpenAI.ChatCompletionMessageParam> = [
        ...messages,
        { role: "assistant", content: null, tool_calls: [{ ...called, type: "function" }] },
        { role: "tool", tool_call_id: "call_1", content: "sunny" }
      ]
      yield* ask((openai) => openai.chat.completions.create({ model, messages: conversation, tools }))
      const [request] = yield* upstream.awaitRequest("a/one")
      expect(request?.json).toMatchObject({ messages: conversation, tools })
    }).pipe(withServer())
  )
})

describe("errors are the client's own", () => {
  const wrongRole = [{ role: "wizard", content: "hi" }] as unknown as typeof messages
  it.live.each([
    ["an unknown model", { model: "no-such-model", messages }, { code: "model_not_found", param: "model" }, 404],
    ["no messages", { model, messages: [] }, { param: "messages" }, 400],
    ["a wrong role", { model, messages: wrongRole }, { param: "messages[0].role" }, 400]
  ] as const)("%s", ([, body, fields, code]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const error = yield* thrown((openai) =>
        openai.chat.completions.create({ ...body, messages: [...body.messages], stream: false })
      )
      expect(error).toBeInstanceOf(code === 404 ? NotFoundError : BadRequestError)
      expect(error).toMatchObject({ status: code, type: "invalid_request_error", ...fields })
      expect(error).toMatchObject({ requestID: expect.stringMatching(/^[\w-]{36}$/) })
    }).pipe(withServer())
  )

  it.live.each([
    [
      "every model is rate limited",
      status(429, { headers: { "retry-after": "7" } }),
      RateLimitError,
      { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" }
    ],
    ["no model answers", status(500), InternalServerError, { status: 502, type: "api_error", code: "upstream_error" }],
    [
      "the upstream refuses the router's key",
      status(401),
      InternalServerError,
      { status: 502, type: "api_error", code: "upstream_auth" }
    ],
    [
      "the upstream's credits are out",
      status(402),
      InternalServerError,
      { status: 503, type: "api_error", code: "upstream_credits_exhausted" }
    ],
    [
      "the upstream refuses the request",
      status(400, { message: "temperature is too hot" }),
      BadRequestError,
      { status: 400, type: "invalid_request_error", message: expect.stringContaining("temperature is too hot") }
    ]
  ] as const)("%s, streamed or not", ([, behaviour, type, fields]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one", "b/two"])
      yield* (yield* FakeOpenRouter).scriptAll(behaviour)
      for (const stream of [false, true]) {
        const error = yield* thrown((openai) => openai.chat.completions.create({ model, messages, stream }))
        expect(error).toBeInstanceOf(type)
        expect(error).toMatchObject({ ...fields, error: { metadata: { attempts: expect.any(Array) } } })
      }
    }).pipe(withServer())
  )

  it.live("tell the client when to come back", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one", "b/two"])
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", status(429, { headers: { "retry-after": "30" } }))
      yield* upstream.script("b/two", status(429, { headers: { "retry-after": "7" } }))
      const error = yield* thrown((openai) => openai.chat.completions.create({ model, messages }))
      expect(error).toMatchObject({ status: 429 })
      expect(error instanceof APIError && error.headers?.get("retry-after")).toBe("7")
    }).pipe(withServer())
  )

  it.live("an endpoint that is not there", () =>
    Effect.gen(function* () {
      const error = yield* thrown((openai) => openai.responses.create({ model: "router", input: "hello" }))
      expect(error).toBeInstanceOf(NotFoundError)
      expect(error).toMatchObject({ status: 404, code: "not_found", type: "invalid_request_error" })
    }).pipe(withServer())
  )

  it.live("a missing key of the client", () =>
    Effect.gen(function* () {
      const error = yield* thrown((openai) => openai.chat.completions.create({ model: "router", messages }))
      expect(error).toBeInstanceOf(AuthenticationError)
      expect(error).toMatchObject({ status: 401, type: "authentication_error", code: "invalid_api_key" })
    }).pipe(withServer({ ROUTER_API_KEYS: "me:another-key-0123456789" }))
  )
})

describe("a client that aborts", () => {
  it.live("in the middle of a stream aborts the upstream", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", stall(2))
      const controller = new AbortController()
      const seen = yield* ask(async (openai) => {
        const { signal } = controller
        const stream = await openai.chat.completions.create({ model, messages, stream: true }, { signal })
        const iterator = stream[Symbol.asyncIterator]()
        const chunks = [await iterator.next(), await iterator.next(), await iterator.next()]
        controller.abort()
        expect(await iterator.next()).toMatchObject({ done: true })
        return chunks.map((chunk): Streamed => chunk.value)
      })
      expect(contentOf(seen)).toBe("Hello from")
      const [left] = yield* upstream.awaitAborted()
      expect(left?.model).toBe("a/one")
    }).pipe(withServer(patient))
  )

  it.live.each([true, false])("before any header aborts the upstream (stream: %s)", (stream) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script("a/one", hang)
      const controller = new AbortController()
      const [error] = yield* Effect.all(
        [
          thrown((openai) =>
            openai.chat.completions.create({ model, messages, stream }, { signal: controller.signal })
          ),
          Effect.andThen(
            upstream.awaitRequest("a/one"),
            Effect.sync(() => controller.abort())
          )
        ],
        { concurrency: "unbounded" }
      )
      expect(error).toBeInstanceOf(APIUserAbortError)
      const aborted = yield* upstream.awaitAborted()
      expect(aborted.map((request) => request.model)).toEqual(["a/one"])
      expect(yield* upstream.requestsFor("b/two")).toEqual([])
    }).pipe(withServer(patient))
  )
})

it.live("retrieves each model of the list, and no other", () =>
  Effect.gen(function* () {
    const { data } = yield* ask((openai) => openai.models.list())
    for (const entry of data) {
      expect(yield* ask((openai) => openai.models.retrieve(entry.id))).toEqual(entry)
      expect(yield* getJson(`/v1/models/${entry.id}`)).toEqual(entry)
      expect(yield* getJson(`/models/${entry.id}?x=1`)).toEqual(entry)
    }
    for (const id of ["a/nothing", "router/nothing", "code/", "é"]) {
      const { error } = yield* getJson(`/v1/models/${id}`)
      expect(error).toMatchObject({ code: "model_not_found", type: "invalid_request_error", param: "model" })
    }
    const error = yield* Effect.flip(
      Effect.flatMap(client, (openai) => Effect.tryPromise(() => openai.models.retrieve("a/nothing")))
    )
    expect(error.cause).toMatchObject({ status: 404, code: "model_not_found" })
  }).pipe(withServer())
)

it.live("lists the router, its categories and the models of the chains", () =>
  Effect.gen(function* () {
    yield* setChain(["a/one"])
    const list = yield* ask((openai) => openai.models.list())
    const ids = (yield* ask(() => all(list))).map(({ id }) => id)
    expect(ids[0]).toBe("router")
    expect(ids).toEqual(expect.arrayContaining(["router/code", `router/${model}`, "a/one", "z-ai/glm-5"]))
    expect(list.data.every((entry) => entry.object === "model" && entry.owned_by !== "" && entry.created > 0)).toBe(
      true
    )
  }).pipe(withServer())
)
