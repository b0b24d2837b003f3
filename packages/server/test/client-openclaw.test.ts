/** OpenClaw and opencode as they are: what they sent, sent again. */
import { expect, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, sequence } from "@llm-router/testing/script"
import { Effect } from "effect"
import OpenAI from "openai"
import { describe } from "vitest"
import { type Capture, captureNames, captures } from "../../router/test/requests.ts"
import { chat, contentOf, eventsOf, human, planOf, TestServer, withServer } from "./harness.ts"

type Fields = Readonly<Record<string, unknown>>

const hello = "Please say hello (scenario run)."

/** What the human wrote, for each request of each capture; `undefined` where the agent speaks for itself. */
const humanWords: Readonly<Record<string, ReadonlyArray<string | undefined>>> = {
  "02-second-turn-same-session.json": ["Second question: write a python quicksort."],
  "03-webchat.json": ["Webchat question: explain TLS."],
  "04-gateway-http-api.json": ["Via gateway http: hello"],
  "05-infer-model-run-no-tools.json": ["Reply with exactly: pong"],
  "07-tool-roundtrip.json": [hello, hello],
  "08-parallel-tools.json": [hello, hello],
  "09-retry-after-429.json": [hello, hello],
  "10-retry-after-empty.json": [hello, hello],
  "11-telegram-dm-reply-group.json": [
    "What is the capital of France?",
    "And prove that sqrt(2) is irrational.",
    "@claw_bot summarize this thread"
  ],
  "12-thinking-high-compat.json": ["Think hard: is 2^61-1 prime?"],
  "13-image.json": ["What is in this picture?"],
  "14-compaction.json": [undefined],
  "15-heartbeat-system-event.json": [undefined],
  "20-opencode.json": ["hello there", "hello there"]
}

// Written by us as objects (see `requests.ts`).
const bodyOf = (capture: Capture): Fields => capture.body as Fields

/** The sampled headers, without those that belong to the connection. */
const initOf = ({ headers }: Capture): RequestInit => ({ headers })

const decisionHeaders = (headers: Headers) => ({
  category: headers.get("x-router-category"),
  source: headers.get("x-router-source")
})

const requests = captureNames.flatMap((name) =>
  captures(name).map((capture, index) => ({ name, index, capture, words: humanWords[name]?.[index] }))
)
const ofHumans = requests.flatMap(({ words, ...request }) => (words === undefined ? [] : [{ ...request, words }]))
const ofAgents = requests.filter(({ words }) => words === undefined)

it("every capture has an expectation", () => {
  expect(captureNames.map((name) => captures(name).length)).toEqual(
    captureNames.map((name) => humanWords[name]?.length)
  )
})

describe("an agent's request is routed like the human's words alone", () => {
  it.live.each(ofHumans)("$name, request $index", ({ capture, words }) =>
    Effect.gen(function* () {
      const { category, confidence, evidence, reasons, source } = yield* planOf({ messages: human(words) })
      expect(["code", "reasoning", "conversation"]).toContain(category)
      // The keywords' positions too: not a character but the human's was read.
      expect(yield* planOf(bodyOf(capture), initOf(capture))).toMatchObject({
        category,
        source,
        confidence,
        // On a later turn they go on to say how it stands in its conversation.
        reasons: expect.arrayContaining(reasons),
        evidence
      })
      const answer = yield* chat(bodyOf(capture), initOf(capture), "/chat/completions")
      expect(answer.status).toBe(200)
      expect(decisionHeaders(answer.headers)).toEqual({ category, source })
    }).pipe(withServer())
  )

  it.live.each(ofAgents)("$name is the agent's own, and goes to the default category", ({ capture }) =>
    Effect.gen(function* () {
      const expected = { category: "reasoning", source: "default" }
      expect(yield* planOf(bodyOf(capture), initOf(capture))).toMatchObject(expected)
      const answer = yield* chat(bodyOf(capture), initOf(capture), "/chat/completions")
      expect(decisionHeaders(answer.headers)).toEqual(expected)
    }).pipe(withServer({ DEFAULT_CATEGORY: "reasoning" }))
  )

  it.live("a heartbeat does not go on with what was talked about before it", () =>
    Effect.gen(function* () {
      for (const { capture } of requests.filter(({ name }) => name.startsWith("15-heartbeat"))) {
        const body = JSON.stringify(capture.body).replace(
          "After new: hello",
          "Write me a python function for quicksort"
        )
        expect(body).toContain("quicksort")
        expect(yield* planOf(JSON.parse(body))).toMatchObject({ category: "conversation", source: "default" })
      }
    }).pipe(withServer())
  )
})

describe("all requests of a turn", () => {
  it.live.each([
    "07-tool-roundtrip.json",
    "08-parallel-tools.json",
    "09-retry-after-429.json",
    "10-retry-after-empty.json",
    "20-opencode.json"
  ])("agree: %s", (name) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const answers = yield* Effect.forEach(captures(name), (capture) => chat(bodyOf(capture), initOf(capture)))
      const decisions = new Set(answers.map(({ headers }) => JSON.stringify(decisionHeaders(headers))))
      expect(decisions.size).toBe(1)
      const sent = yield* upstream.awaitRequest(undefined, captures(name).length)
      expect(new Set(sent.map(({ model }) => model)).size).toBe(1)
      expect(new Set(sent.map(({ json }) => sessionOf(json))).size).toBe(1)
    }).pipe(withServer())
  )
})

const sessionOf = (json: unknown): unknown => (json as Fields)["session_id"]

/** Without the two fields that the router owns. */
const untouched = (json: unknown): Fields => {
  const { model: _, session_id: __, ...rest } = json as Fields
  return rest
}

describe("the upstream", () => {
  it.live.each(requests)("gets the body of $name, request $index, unchanged", ({ capture }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* chat(bodyOf(capture), initOf(capture), "/chat/completions")
      const [request] = yield* upstream.awaitRequest()
      expect(untouched(request?.json)).toEqual(untouched(capture.body))
      expect(request?.model).toMatch(/^[\w-]+\/[\w.-]+$/)
      expect(sessionOf(request?.json)).toMatch(/^[\w:-]{8,256}$/)
      expect(request?.headers).not.toHaveProperty("traceparent")
      expect(request?.headers.authorization).toMatch(/^Bearer sk-or-v1-/)
    }).pipe(withServer())
  )

  it.live("gets the agent's own session where it names one", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const named = ["03-webchat.json", "20-opencode.json"].flatMap((name) => captures(name).slice(0, 1))
      yield* Effect.forEach(named, (capture) => chat(bodyOf(capture), initOf(capture)))
      const sent = yield* upstream.awaitRequest(undefined, 2)
      expect(sent.map(({ json }) => sessionOf(json))).toEqual([
        "db51fe68-2a53-4c7e-81f3-063d6e97ba3b",
        "ses_dfb5cb73fffeQIokoZ325Cddp9"
      ])
    }).pipe(withServer())
  )
})

describe("the category tools", () => {
  const asked = (words: string) => {
    const [capture] = captures("03-webchat.json")
    return JSON.parse(JSON.stringify(capture?.body).replace("Webchat question: explain TLS.", words))
  }
  const tools = { category: "tools", source: "tools" }

  it.live("wins none of the captured requests", () =>
    Effect.gen(function* () {
      const plans = yield* Effect.forEach(requests, ({ capture }) => planOf(bodyOf(capture), initOf(capture)))
      expect(plans.map(({ source }) => source)).not.toContain("tools")
    }).pipe(withServer())
  )

  it.live.each(["list the files in the workspace", "remind me to call mum tomorrow", "lance les tests"])(
    "wins where an agent's tools are needed: %s",
    (words) =>
      Effect.gen(function* () {
        expect(yield* planOf(asked(words))).toMatchObject(tools)
      }).pipe(withServer())
  )

  it.live("wins always under TOOLS_ROUTING=always", () =>
    Effect.gen(function* () {
      expect(yield* planOf(asked("hello there"))).toMatchObject(tools)
    }).pipe(withServer({ TOOLS_ROUTING: "always" }))
  )

  it.live("wins for other clients' tools, whatever the words", () =>
    Effect.gen(function* () {
      const { tools: offered } = asked("hello")
      expect(yield* planOf({ messages: human("hello there"), tools: offered })).toMatchObject(tools)
    }).pipe(withServer())
  )
})

describe("the provider of the README's openclaw.json", () => {
  const provider = { apiKey: "local-router", model: "router" }

  it.live("streams over /chat/completions, although it accepts JSON", () =>
    Effect.gen(function* () {
      const { url } = yield* TestServer
      const seen: Array<Request> = []
      const openai = new OpenAI({
        baseURL: url,
        apiKey: provider.apiKey,
        maxRetries: 0,
        fetch: (input, init) => {
          seen.push(new Request(input, init))
          return fetch(input, init)
        }
      })
      const { data, response } = yield* Effect.promise(() =>
        openai.chat.completions
          .create({
            model: provider.model,
            stream: true,
            stream_options: { include_usage: true },
            messages: [{ role: "user", content: "hello" }],
            tools: [{ type: "function", function: { name: "read", parameters: { type: "object" } } }],
            tool_choice: "auto",
            max_completion_tokens: 8192
          })
          .withResponse()
      )
      expect(seen.map((request) => [new URL(request.url).pathname, request.headers.get("accept")])).toEqual([
        ["/chat/completions", "application/json"]
      ])
      expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/)
      const text = yield* Effect.promise(async () => {
        let content = ""
        for await (const chunk of data) content += chunk.choices[0]?.delta.content ?? ""
        return content
      })
      expect(text).toMatch(/^Hello from /)
    }).pipe(withServer())
  )

  it.live("gets a whole turn with a tool, by the bytes it sends", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const toolCalls = [{ id: "call_abc123", name: "exec", arguments: '{"command":"ls"}' }]
      yield* upstream.scriptAll(sequence([ok({ toolCalls }), ok()]))
      const answers = yield* Effect.forEach(captures("07-tool-roundtrip.json"), (capture) =>
        chat(
          bodyOf(capture),
          { headers: { ...capture.headers, accept: "application/json", authorization: "Bearer local-router" } },
          "/chat/completions"
        )
      )
      expect(answers[0]?.text).toContain('"finish_reason":"tool_calls"')
      expect(answers.map(({ text }) => contentOf(text))).toEqual(["", expect.stringMatching(/^Hello from /)])
      expect(answers.map(({ text }) => eventsOf(text).at(-1))).toEqual(["[DONE]", "[DONE]"])
      expect(new Set(answers.map(({ headers }) => headers.get("x-router-model"))).size).toBe(1)
    }).pipe(withServer())
  )
})
