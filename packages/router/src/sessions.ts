/**
 * Which conversation a request belongs to, and what that conversation was last about.
 */
import { type ChatRequest, textOf } from "@llm-router/domain/ChatRequest"
import { hash } from "node:crypto"
import type { HumanWords } from "./humanWords.ts"

/** OpenRouter takes a `session_id` of at most 256 characters. */
const longestSessionId = 256
/** The beginning of a conversation that tells it from others. */
const hashedCharacters = 4_000

/**
 * A stable id of the conversation: the caller's own where there is one, else a digest of how the conversation began,
 * which every later request of it repeats.
 */
export const sessionIdOf = (request: ChatRequest, words: HumanWords): string => {
  const named = request.upstreamSessionId ?? request.client.sessionId ?? words.sessionId ?? request.promptCacheKey
  if (named !== undefined) return named.slice(0, longestSessionId)
  const system = request.messages.find((message) => message.role === "system" || message.role === "developer")
  const first = request.messages.find((message) => message.role === "user")
  const beginning = [system, first].map((message) =>
    message === undefined ? "" : textOf(message).slice(0, hashedCharacters)
  )
  return hash("sha256", [...beginning, request.user ?? ""].join("\0"), "base64url")
}

/** A conversation nobody went on with for this long is over. */
const expiryMillis = 30 * 60 * 1_000
const mostSessions = 10_000

/** The last category of each caller's conversation: "ok" goes on with what was asked before it. */
export class SessionMemory {
  readonly #last = new Map<string, { readonly category: string; readonly atMillis: number }>()

  remember(session: string, category: string, nowMillis: number): void {
    this.#last.delete(session)
    this.#last.set(session, { category, atMillis: nowMillis })
    if (this.#last.size > mostSessions) {
      const oldest = this.#last.keys().next().value
      if (oldest !== undefined) this.#last.delete(oldest)
    }
  }

  recall(session: string, nowMillis: number): string | undefined {
    const entry = this.#last.get(session)
    return entry === undefined || nowMillis - entry.atMillis > expiryMillis ? undefined : entry.category
  }
}
