/**
 * Ollama for tests: a real server that classifies as a script says, and remembers what it was asked.
 */
import { Context, Effect, Layer } from "effect"
import type { Exchange } from "./Exchange.ts"
import { firstCategoryOf } from "./firstCategory.ts"
import { listen } from "./listen.ts"
import { answersFirstAllowed, type OllamaAsk, ollamaAskOf, type OllamaBehaviour } from "./ollamaScript.ts"
import { type RecordedRequest, Recorder } from "./Recorder.ts"

type Requests = Effect.Effect<ReadonlyArray<RecordedRequest>>
type OllamaScript = OllamaBehaviour | ((ask: OllamaAsk) => OllamaBehaviour)

/** The model of the default settings. */
const defaultModels: ReadonlyArray<string> = ["qwen2.5:0.5b"]

export class FakeOllama extends Context.Service<
  FakeOllama,
  {
    /** The origin, `http://127.0.0.1:port`. */
    readonly url: string
    /** What every chat does from now on, or how to tell from the request. */
    readonly script: (script: OllamaScript) => Effect.Effect<void>
    /** The models that are pulled; a chat with any other is a 404. */
    readonly models: (names: ReadonlyArray<string>) => Effect.Effect<void>
    /** Forgets script, models and requests. */
    readonly reset: Effect.Effect<void>
    /** Everything asked so far, in the order of arrival. */
    readonly requests: Requests
    /** Waits until `count` (1) chats arrived; gives all of them. */
    readonly awaitRequest: (count?: number) => Requests
    /** Waits until `count` (1) requests were left by their client; gives all of them. */
    readonly awaitAborted: (count?: number) => Requests
  }
>()("testing/FakeOllama") {
  static readonly layer = Layer.effect(
    FakeOllama,
    Effect.gen(function* () {
      const recorder = new Recorder()
      let script: OllamaScript = answersFirstAllowed
      let models = defaultModels

      const chat = (exchange: Exchange): Effect.Effect<void> => {
        const ask = ollamaAskOf(exchange.body)
        if (ask === undefined) return exchange.json(400, { error: "the body is no chat request" })
        if (!models.includes(ask.model)) return exchange.json(404, { error: `model '${ask.model}' not found` })
        return play(exchange, ask, typeof script === "function" ? script(ask) : script)
      }

      const respond = (exchange: Exchange): Effect.Effect<void> => {
        switch (`${exchange.request.method} ${exchange.path}`) {
          case "POST /api/chat":
            return chat(exchange)
          case "GET /api/tags":
            return exchange.json(200, { models: models.map(pulled) })
          case "GET /api/ps":
            return exchange.json(200, { models: models.map(loaded) })
          case "GET /api/version":
            return exchange.json(200, { version: "0.12.6" })
          default:
            return exchange.send(404, "text/plain", "404 page not found")
        }
      }

      const url = yield* Effect.orDie(listen({ respond, onRequest: recorder.onRequest, onClose: recorder.onClose }))

      return FakeOllama.of({
        url,
        script: (next) =>
          Effect.sync(() => {
            script = next
          }),
        models: (names) =>
          Effect.sync(() => {
            models = names
          }),
        reset: Effect.andThen(
          Effect.sync(() => {
            script = answersFirstAllowed
            models = defaultModels
          }),
          recorder.clear
        ),
        requests: recorder.requests,
        awaitRequest: (count = 1) => recorder.awaitSome((request) => request.path === "/api/chat", count),
        awaitAborted: (count = 1) => recorder.awaitSome((request) => request.aborted, count)
      })
    })
  )
}

const pulled = (name: string): object => ({
  name,
  model: name,
  modified_at: "2026-01-01T00:00:00Z",
  size: 397_821_319,
  digest: "a8b0c51577010a279d933d14c2a8ab4b268079d44c5c8830c0a93900f1827c67",
  details: { format: "gguf", family: "qwen2", parameter_size: "494.03M", quantization_level: "Q4_K_M" }
})

const loaded = (name: string): object => ({
  ...pulled(name),
  expires_at: "2026-01-01T00:05:00Z",
  size_vram: 397_821_319
})

const play = (exchange: Exchange, ask: OllamaAsk, behaviour: OllamaBehaviour): Effect.Effect<void> => {
  switch (behaviour._tag) {
    case "Content":
      return answer(exchange, ask, behaviour.content)
    case "FirstAllowed":
      return answer(exchange, ask, JSON.stringify({ category: firstCategoryOf(ask.format) ?? "conversation" }))
    case "Slow":
      return Effect.andThen(
        Effect.sleep(behaviour.millis),
        Effect.suspend(() => play(exchange, ask, behaviour.next))
      )
    case "Hang":
      return Effect.never
    case "Reset":
      return exchange.reset
    case "Status":
      return exchange.json(behaviour.code, { error: behaviour.message })
    case "ErrorLine":
      return exchange.send(200, "application/x-ndjson", `${JSON.stringify({ error: behaviour.message })}\n`)
  }
}

/** One JSON object (without messages: the model is only loaded); in a stream, which is Ollama's default, a line with the content and one that is done. */
const answer = (exchange: Exchange, ask: OllamaAsk, content: string): Effect.Effect<void> => {
  const part = (text: string, more: object): object => ({
    model: ask.model,
    created_at: new Date().toISOString(),
    message: { role: "assistant", content: text },
    ...more
  })
  if ((ask.messages ?? []).length === 0) return exchange.json(200, part("", { done: true, done_reason: "load" }))
  const promptLength = (ask.messages ?? []).reduce((sum, message) => sum + (message.content ?? "").length, 0)
  const end = {
    done: true,
    done_reason: "stop",
    total_duration: 24_000_000,
    load_duration: 1_000_000,
    prompt_eval_count: Math.ceil(promptLength / 4),
    prompt_eval_duration: 12_000_000,
    eval_count: Math.ceil(content.length / 4),
    eval_duration: 9_000_000
  }
  if (ask.stream === false) return exchange.json(200, part(content, end))
  const lines = [part(content, { done: false }), part("", end)].map((line) => `${JSON.stringify(line)}\n`)
  return exchange.send(200, "application/x-ndjson", lines.join(""))
}
