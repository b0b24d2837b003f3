/** A client of chat completions that tells what it saw, and whether that was what the contract allows. */
import { type Agent, request } from "node:http"
import { Effect } from "effect"

/**
 * `refused`: the request was not taken in, since it names what does not exist (any more).
 * `wrong`: an answer that the contract does not know, which a trial must not see.
 */
export type Seen = "whole" | "failed" | "cut" | "left" | "refused" | "wrong"

export interface Outcome {
  readonly seen: Seen
  readonly status: number
  /** What was wrong. */
  readonly note: string
}

export interface Ask {
  readonly id: string
  readonly stream: boolean
  readonly model: string
  readonly words: string
  /** Leaves this long after it asked; `undefined` stays. */
  readonly leavesAfterMillis: number | undefined
}

/** Longer than any deadline of the router under trial. */
const patienceMillis = 60_000

const isEnvelope = (text: string): boolean => {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Readonly<Record<string, unknown>> }
    return typeof error?.["message"] === "string" && typeof error["type"] === "string"
  } catch {
    return false
  }
}

const isCompletion = (text: string): boolean => {
  try {
    return Array.isArray((JSON.parse(text) as { readonly choices?: unknown }).choices)
  } catch {
    return false
  }
}

/** What an answer that came to its end says. */
const judged = (status: number, type: string, text: string, ended: boolean): Outcome => {
  const seen = (what: Seen, note = ""): Outcome => ({ seen: what, status, note })
  if (status >= 400) {
    if (!isEnvelope(text)) return seen("wrong", `${status} without an envelope: ${text.slice(0, 200)}`)
    if (status === 404) return seen("refused")
    return status === 500 ? seen("wrong", `500: ${text.slice(0, 200)}`) : seen("failed", text.slice(0, 400))
  }
  if (!type.startsWith("text/event-stream"))
    return isCompletion(text) ? seen("whole") : seen("wrong", text.slice(0, 200))
  if (!ended) return seen("wrong", "the connection broke amid a stream")
  const isDone = text.endsWith("data: [DONE]\n\n")
  const isCut = text.includes('"finish_reason":"error"')
  if (isDone === isCut) return seen("wrong", `a stream ended in neither way: ${text.slice(-200)}`)
  return seen(isDone ? "whole" : "cut")
}

export const asked = (url: string, agent: Agent, ask: Ask): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    let leaving: NodeJS.Timeout | undefined
    let left = false
    let received = -1
    const done = (outcome: Outcome) => {
      clearTimeout(leaving)
      resume(Effect.succeed(left ? { seen: "left", status: 0, note: "" } : outcome))
    }
    const broken = (note: string) => done({ seen: "wrong", status: 0, note })
    const call = request(
      `${url}/v1/chat/completions`,
      {
        method: "POST",
        agent,
        timeout: patienceMillis,
        headers: { "content-type": "application/json", "x-request-id": ask.id }
      },
      (response) => {
        const parts: Array<Buffer> = []
        received = 0
        response.on("data", (part: Buffer) => {
          parts.push(part)
          received += part.length
        })
        response.on("error", () => undefined)
        response.on("close", () =>
          done(
            judged(
              response.statusCode ?? 0,
              response.headers["content-type"] ?? "",
              Buffer.concat(parts).toString(),
              response.complete
            )
          )
        )
      }
    )
    call.on("timeout", () => {
      const how = call.socket?.connecting === true ? "not connected" : received < 0 ? "no head" : `${received} bytes`
      broken(`no answer within a minute (${how}; ${JSON.stringify(ask)})`)
      call.destroy()
    })
    call.on("error", (error) => broken(error.message))
    if (ask.leavesAfterMillis !== undefined) {
      leaving = setTimeout(() => {
        left = true
        call.destroy()
      }, ask.leavesAfterMillis)
    }
    call.end(JSON.stringify({ model: ask.model, stream: ask.stream, messages: [{ role: "user", content: ask.words }] }))
  })
