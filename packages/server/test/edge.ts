/** What the tests of the edge share: the contract's paths, and bytes that are sent and read as they are. */
import { connect } from "node:net"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { TestServer } from "./harness.ts"

/** Spec section 1, with a path that each pattern takes. */
export const surface: ReadonlyArray<readonly [path: string, pattern: string, methods: ReadonlyArray<string>]> = [
  ["/v1/chat/completions", "/v1/chat/completions", ["POST"]],
  ["/chat/completions", "/chat/completions", ["POST"]],
  ["/v1/models", "/v1/models", ["GET"]],
  ["/models", "/models", ["GET"]],
  ["/v1/models/z-ai/glm-5", "/v1/models/{provider}/{model}", ["GET"]],
  ["/models/z-ai%2Fglm-5", "/models/{provider}/{model}", ["GET"]],
  ["/v1/route", "/v1/route", ["POST"]],
  ["/health", "/health", ["GET"]],
  ["/health/live", "/health/live", ["GET"]],
  ["/health/ready", "/health/ready", ["GET"]],
  ["/metrics", "/metrics", ["GET"]],
  ["/metrics/prometheus", "/metrics/prometheus", ["GET"]],
  ["/usage", "/usage", ["GET"]],
  ["/config", "/config", ["GET"]],
  ["/config/category", "/config/category", ["POST"]],
  ["/config/model-mapping", "/config/model-mapping", ["POST"]],
  ["/config/category/some", "/config/category/{name}", ["DELETE"]],
  ["/circuit-breaker/reset", "/circuit-breaker/reset", ["POST"]],
  ["/circuit-breaker/reset/z-ai/glm-5", "/circuit-breaker/reset/{model}", ["POST"]],
  ["/circuit-breaker/reset/z-ai%2Fglm-5", "/circuit-breaker/reset/{model}", ["POST"]],
  ["/circuit-breaker/reset-all", "/circuit-breaker/reset-all", ["POST"]],
  ["/circuit-breaker/open/z-ai/glm-5", "/circuit-breaker/open/{model}", ["POST"]],
  ["/openapi.json", "/openapi.json", ["GET"]],
  ["/docs", "/docs", ["GET"]]
]
export const answerOf = Effect.fnUntraced(function* (response: Response) {
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, text }
})

/** No 500, nothing of the machine, and the envelope. */
export const isEnvelope = (answer: { readonly status: number; readonly text: string }, status: number) => {
  assert.strictEqual(answer.status, status)
  const { error } = JSON.parse(answer.text)
  assert.hasAllKeys({ metadata: 0, ...error }, ["message", "type", "param", "code", "metadata"])
  assert.isAbove(error.message.length, 0)
  assert.notMatch(answer.text, /\\n\s+at |node_modules|\/work\/|\/home\/|\.ts:\d/)
  return error
}

/** What comes back when these bytes are sent, up to the end of the connection. */
export const raw = (text: string) =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.callback<string>((resume) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
      let received = ""
      socket.on("data", (piece) => {
        received += piece.toString()
      })
      socket.on("error", () => {})
      socket.on("close", () => resume(Effect.succeed(received)))
      return Effect.sync(() => socket.destroy())
    })
  )

export const rawAnswer = (text: string) =>
  Effect.map(raw(text), (received) => {
    const [head = "", body = ""] = received.split("\r\n\r\n")
    return { status: Number(head.split(" ")[1]), head, text: body }
  })
