/**
 * Spec 2.3, the rows that stop at once: the account's problems and the caller's mistakes. And what OpenRouter says
 * beside the status, which wins over it.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, contextExceeded, errorBody200, ok, sequence, status } from "@llm-router/testing/script"
import { listing } from "@llm-router/testing/catalogue"
import { Effect, Schedule } from "effect"
import { chat, circuits, contentOf, errorOf, getJson, setChain, withServer } from "./harness.ts"

const accountRows = [
  { name: "401", behaviour: status(401, { message: "No auth credentials found" }), is: 502, code: "upstream_auth" },
  { name: "200 with 401", behaviour: errorBody200(401, "User not found."), is: 502, code: "upstream_auth" },
  {
    name: "500 of error_type authentication",
    behaviour: status(500, { errorType: "authentication" }),
    is: 502,
    code: "upstream_auth"
  },
  { name: "402", behaviour: status(402), is: 503, code: "upstream_credits_exhausted" },
  { name: "200 with 402", behaviour: errorBody200(402, "no credits"), is: 503, code: "upstream_credits_exhausted" },
  {
    name: "403 of error_type payment_required",
    behaviour: status(403, { errorType: "payment_required" }),
    is: 503,
    code: "upstream_credits_exhausted"
  }
]

const refused = (code: number, error: object): Behaviour => status(code, { body: { error } })

const mistakeRows = [
  {
    name: "400 of OpenAI's form",
    behaviour: refused(400, { message: "temperature is too high", code: "invalid_value", param: "temperature" }),
    is: { status: 400, message: "temperature is too high", code: "invalid_value", param: "temperature" }
  },
  {
    name: "400 of OpenRouter's form",
    behaviour: status(400, { message: "Input must have at least 1 token.", errorType: "invalid_prompt" }),
    is: { status: 400, message: "Input must have at least 1 token.", code: "invalid_prompt", param: null }
  },
  {
    name: "413",
    behaviour: status(413, { message: "Request too large", errorType: "payload_too_large" }),
    is: { status: 413, message: "Request too large", code: "payload_too_large", param: null }
  },
  {
    name: "422",
    behaviour: refused(422, { message: "stop: too many", param: "stop", code: 422 }),
    is: { status: 422, message: "stop: too many", code: null, param: "stop" }
  },
  {
    name: "200 with 400",
    behaviour: errorBody200(400, "seed must be an integer", { error_type: "invalid_request" }),
    is: { status: 400, message: "seed must be an integer", code: "invalid_request", param: null }
  },
  {
    name: "an error that is a text",
    behaviour: status(400, { body: { error: "no such thing" } }),
    is: { status: 400, message: "no such thing", code: null, param: null }
  }
]

/** `error_type` and `availability` say what the status alone would not. */
const telling: ReadonlyArray<{
  readonly name: string
  readonly behaviour: Behaviour
  readonly goesOn: boolean
  readonly outcome: string
}> = [
  {
    name: "400 of error_type context_length_exceeded",
    behaviour: status(400, { errorType: "context_length_exceeded", message: "no" }),
    goesOn: true,
    outcome: "ContextTooLong"
  },
  {
    name: "400 of error_type max_tokens_exceeded",
    behaviour: status(400, { errorType: "max_tokens_exceeded", message: "no" }),
    goesOn: true,
    outcome: "ContextTooLong"
  },
  {
    name: "400 that says it in words",
    behaviour: status(400, { message: "This model's maximum context length is 8192 tokens." }),
    goesOn: true,
    outcome: "ContextTooLong"
  },
  {
    name: "400 of error_type content_policy_violation",
    behaviour: status(400, { errorType: "content_policy_violation" }),
    goesOn: true,
    outcome: "NotServed"
  },
  {
    name: "400 of error_type rate_limit_exceeded",
    behaviour: status(400, { errorType: "rate_limit_exceeded" }),
    goesOn: true,
    outcome: "RateLimited"
  },
  {
    name: "400 of error_type provider_unavailable",
    behaviour: status(400, { errorType: "provider_unavailable" }),
    goesOn: true,
    outcome: "Unavailable"
  },
  {
    name: "500 of error_type invalid_request",
    behaviour: status(500, { errorType: "invalid_request" }),
    goesOn: false,
    outcome: "Rejected"
  },
  {
    name: "200 of error_type timeout",
    behaviour: errorBody200(400, "slow", { error_type: "timeout" }),
    goesOn: true,
    outcome: "Unavailable"
  },
  {
    name: "400 that availability calls retryable",
    behaviour: status(400, { availability: { code: "some_new_code", retryable: true } }),
    goesOn: true,
    outcome: "Unavailable"
  },
  {
    name: "429 that availability calls retryable",
    behaviour: status(429, { availability: { code: "some_new_code", retryable: true } }),
    goesOn: true,
    outcome: "RateLimited"
  },
  {
    name: "503 that availability calls not retryable",
    behaviour: status(503, { availability: { code: "some_new_code", retryable: false } }),
    goesOn: true,
    outcome: "NotServed"
  },
  {
    name: "400 of availability model_deprecated",
    behaviour: status(400, { availability: { code: "model_deprecated", retryable: false } }),
    goesOn: true,
    outcome: "NotServed"
  },
  {
    name: "503 of availability capacity_exhausted",
    behaviour: status(503, { availability: { code: "capacity_exhausted", retryable: true, retry_after: 9 } }),
    goesOn: true,
    outcome: "RateLimited"
  }
]

describe.each([true, false])("stream: %s", (stream) => {
  it.live.each(accountRows)("$name stops at once and is told to the operator", ({ behaviour, code, is }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sequence([behaviour, ok()]))

      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, is)
      assert.deepInclude(errorOf(answer.text), { type: "api_error", code, param: null })
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
      assert.deepStrictEqual((yield* circuits).failures, {})
      const { checks } = yield* getJson("/health")
      assert.strictEqual(checks.openrouter.status, "error")

      yield* chat({ model: "pair", stream })
      const health = yield* getJson("/health")
      assert.strictEqual(health.checks.openrouter.status, "ok")
    }).pipe(withServer())
  )

  it.live.each(mistakeRows)("$name is the caller's mistake: passed on, no other model asked", ({ behaviour, is }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, is.status)
      const { code, message, param, type } = errorOf(answer.text)
      assert.deepStrictEqual({ status: answer.status, message, code, param }, is)
      assert.strictEqual(type, "invalid_request_error")
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(withServer())
  )

  it.live.each(telling)("$name", ({ behaviour, goesOn, outcome }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      yield* upstream.script("b/two", status(500))
      const answer = yield* chat({ model: "pair", stream })
      const { attempts } = errorOf(answer.text).metadata
      assert.strictEqual(attempts[0].outcome, outcome)
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, Number(goesOn))
    }).pipe(withServer())
  )

  it.live("a key in the upstream's words does not pass", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", status(400, { message: "Bad request by sk-or-v1-0123456789abcdef0123" }))
      const answer = yield* chat({ model: "lone", stream })
      assert.strictEqual(errorOf(answer.text).message, "Bad request by [redacted]")
    }).pipe(withServer())
  )

  it.live("after context exceeded, the model with the larger known context is asked before the next one", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/small", "b/smaller", "c/large"], "trio")
      yield* upstream.script("a/small", contextExceeded)
      yield* getJson("/v1/models").pipe(
        Effect.map(({ data }) => data.find(({ id }: { id: string }) => id === "c/large").context_length),
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (length) => length === 1_000_000 })
      )
      const answer = yield* chat({ model: "trio", stream })
      assert.strictEqual(answer.headers.get("x-router-model"), "c/large")
      assert.include(stream ? contentOf(answer.text) : answer.text, "Hello from c/large")
      assert.strictEqual((yield* upstream.requestsFor("b/smaller")).length, 0)
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(
      withServer(
        {},
        undefined,
        Effect.flatMap(FakeOpenRouter, (upstream) =>
          upstream.models([
            listing({ id: "a/small", contextLength: 8_192 }),
            listing({ id: "b/smaller", contextLength: 4_096 }),
            listing({ id: "c/large", contextLength: 1_000_000 })
          ])
        )
      )
    )
  )
})
