/** What happens to a router in a week, in some hundred requests. */
import type { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { catalogue, listing } from "@llm-router/testing/catalogue"
import { cut, noUsage, ok, sequence, slow, status } from "@llm-router/testing/script"
import { Effect } from "effect"

/** Stands in a prompt and in an answer, and must stand nowhere else. */
export const secretWords = "the-patient-is-called-Rumpelstiltskin"

/** What somebody pasted into the wrong field. */
export const leakedKey = "sk-live-0123456789abcdef0123"

const models = {
  good: "z-ai/glm-5",
  down: "down/model",
  limited: "limited/model",
  shaky: "shaky/model",
  cut: "cut/model",
  unpriced: "unpriced/model",
  dear: "openai/gpt-4o-mini",
  slow: "slow/model"
} as const

type Upstream = FakeOpenRouter["Service"]

/** Down for good, limited, failing now and then, cut, without usage, billed off the list, slow. */
export const scripted = (upstream: Upstream) =>
  Effect.all([
    // All but the one that is to have no price.
    upstream.models([
      ...catalogue,
      ...[models.down, models.limited, models.shaky, models.cut, models.slow].map((id) => listing({ id }))
    ]),
    upstream.scriptAll(ok({ content: secretWords })),
    upstream.script(models.down, status(503)),
    upstream.script(models.limited, status(429)),
    upstream.script(models.shaky, sequence([status(500), ok(), status(500), ok()])),
    upstream.script(models.cut, cut(2)),
    upstream.script(models.unpriced, noUsage()),
    upstream.script(models.dear, ok({ usage: { prompt_tokens: 1000, completion_tokens: 1000, cost: 0.01 } })),
    upstream.script(models.slow, slow(30_000))
  ])

const post = (url: string, path: string, body: unknown, signal?: AbortSignal) =>
  Effect.promise(async () => {
    try {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        ...(signal === undefined ? {} : { signal })
      })
      await response.text()
      return { status: response.status }
    } catch {
      // Cut, or left.
      return { status: 0 }
    }
  })

export const customCategory = "stargazing"

/** A category of the operator's own, whose first models fail. */
export const arranged = (url: string) =>
  post(url, "/config/category", {
    name: customCategory,
    models: [models.down, models.limited, models.good],
    keywords: ["telescope", "nebula"]
  })

const asks = [
  { content: `write a python quicksort, ${secretWords}` },
  { content: "which telescope shows the Orion nebula?" },
  { content: "hm" },
  { content: "" },
  { content: "hello", model: models.unpriced },
  { content: "hello", model: models.dear },
  { content: "hello", model: models.down },
  { content: "hello", model: models.shaky },
  { content: "hello", model: models.cut, stream: true },
  { content: "hello", model: `leaked/${leakedKey}` },
  { content: "summarize this text for me please" }
]

/** Each kind of request, `times` times, streamed and not; and clients that leave. Gives the statuses. */
export const load = Effect.fnUntraced(function* (url: string, times: number) {
  const requests = Array.from({ length: times }, (_, round) =>
    asks.map(({ content, model = "router", stream = round % 2 === 0 }) => ({
      model,
      stream,
      messages: [{ role: "user", content }]
    }))
  ).flat()
  const answers = yield* Effect.forEach(requests, (body) => post(url, "/v1/chat/completions", body), {
    concurrency: 4
  })
  const impatient = { model: models.slow, stream: true, messages: [{ role: "user", content: "hello" }] }
  yield* post(url, "/v1/chat/completions", impatient, AbortSignal.timeout(300))
  return answers.map((answer) => answer.status)
})
