/**
 * A bare HTTP client that shows what came over the wire, piece by piece.
 */
import { type IncomingHttpHeaders, request } from "node:http"
import { Effect, Schema } from "effect"

export interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body as it arrived, one entry per read. */
  readonly reads: ReadonlyArray<Buffer>
  readonly text: string
  /** Whether the body ended as its framing promised. */
  readonly complete: boolean
}

/** Fails with the error's code when no response comes. Interruption, or `leaveAfter` bytes, closes the connection. */
export const send = (
  url: string,
  options: { readonly method?: string; readonly body?: unknown; readonly leaveAfter?: number } = {}
): Effect.Effect<Received, string> =>
  Effect.callback((resume) => {
    const call = request(
      url,
      { method: options.method ?? "POST", headers: { "content-type": "application/json" }, agent: false },
      (response) => {
        const reads: Array<Buffer> = []
        let size = 0
        const done = () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              reads,
              text: Buffer.concat(reads).toString(),
              complete: response.complete
            })
          )
        response.on("data", (read: Buffer) => {
          reads.push(read)
          size += read.length
          if (size >= (options.leaveAfter ?? Infinity)) call.destroy()
        })
        response.on("error", () => {})
        response.on("close", done)
      }
    )
    call.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body))
    return Effect.sync(() => call.destroy())
  })

const Event = Schema.Struct({
  id: Schema.String,
  model: Schema.String,
  provider: Schema.String,
  error: Schema.optional(Schema.Struct({ code: Schema.Union([Schema.Finite, Schema.String]) })),
  choices: Schema.Array(
    Schema.Struct({
      delta: Schema.Struct({
        content: Schema.NullOr(Schema.String),
        reasoning: Schema.optional(Schema.String),
        tool_calls: Schema.optional(Schema.NonEmptyArray(Schema.Struct({ function: Schema.Unknown })))
      }),
      finish_reason: Schema.NullOr(Schema.String)
    })
  ),
  usage: Schema.optional(Schema.Struct({ cost: Schema.Finite }))
})

const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(Event))

const shapeOf = (event: typeof Event.Type): string => {
  const choice = event.choices[0]
  if (event.error !== undefined) return `error ${event.error.code}`
  if (choice === undefined) return event.usage === undefined ? "no choices" : "usage"
  if (choice.finish_reason !== null)
    return `finish ${choice.finish_reason}${event.usage === undefined ? "" : " with usage"}`
  if (choice.delta.reasoning !== undefined) return `thinks ${choice.delta.reasoning}`
  if (choice.delta.tool_calls !== undefined) return `calls ${JSON.stringify(choice.delta.tool_calls[0].function)}`
  return choice.delta.content === "" ? "role" : `says ${choice.delta.content}`
}

/** A stream in short: one word or two for each line that is not blank. */
export const shapesOf = (text: string): ReadonlyArray<string> =>
  text
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line) => {
      if (line.startsWith(":")) return "comment"
      return line === "data: [DONE]" ? "done" : shapeOf(decodeEvent(line.slice("data: ".length)))
    })
