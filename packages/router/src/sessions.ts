/**
 * Which conversation a request belongs to, and what is remembered of it.
 */
import { type ChatRequest, textOf } from "@llm-router/domain/ChatRequest"
import { detached } from "@llm-router/domain/detached"
import type { DecisionSource } from "@llm-router/domain/Decision"
import { Hash } from "effect"
import { hash } from "node:crypto"
import type { Conversation } from "./conversation.ts"
import type { HumanWords } from "./humanWords.ts"

/** OpenRouter takes a `session_id` of at most 256 characters. */
const longestSessionId = 256
/** The beginning of a conversation that tells it from others. */
const hashedCharacters = 4_000

/** As it may be kept for long. */
const idOf = (given: string): string => detached(given.slice(0, longestSessionId))

/** A name that the caller gave this very conversation. */
const namedSession = (request: ChatRequest, words: HumanWords): string | undefined => {
  const name = request.upstreamSessionId ?? request.client.sessionId ?? words.sessionId
  return name === undefined ? undefined : idOf(name)
}

/** It tells what the provider's cache may share: often a whole application's, so it names no conversation. */
const cacheKeyOf = ({ promptCacheKey }: ChatRequest): string | undefined =>
  promptCacheKey === undefined ? undefined : idOf(promptCacheKey)

/** A digest of how the conversation began, which every later request of it repeats. */
const beginningOf = (request: ChatRequest): string => {
  const system = request.messages.find((message) => message.role === "system" || message.role === "developer")
  const first = request.messages.find((message) => message.role === "user")
  const beginning = [system, first].map((message) =>
    message === undefined ? "" : textOf(message).slice(0, hashedCharacters)
  )
  return hash("sha256", [...beginning, request.user ?? ""].join("\0"), "base64url")
}

/** A stable id of the conversation, for the upstream: the caller's own where there is one. */
export const sessionIdOf = (request: ChatRequest, words: HumanWords): string =>
  namedSession(request, words) ?? cacheKeyOf(request) ?? beginningOf(request)

/** What is remembered of a conversation's last turn. */
interface LastTurn {
  /** Digest of its human words: a request that repeats them retries the turn, or goes on in its tool loop. */
  readonly turn: number
  readonly before: Conversation | undefined
  readonly after: Conversation | undefined
  readonly decided: DecidedTurn
}

/** What a turn was decided to be. */
export interface DecidedTurn {
  readonly source: DecisionSource
  readonly category: string
  readonly confidence: number
}

/** What is known of a request's conversation. */
export interface Recalled {
  /** The conversation before this turn. */
  readonly conversation: Conversation | undefined
  /** What an earlier request of this very turn was decided to be. */
  readonly decided: DecidedTurn | undefined
  /** The conversation after that request. */
  readonly after: Conversation | undefined
  /** Only the user is the same: it may be another conversation. */
  readonly byUser: boolean
}

/** Where a request's conversation is remembered, and how it is known to be the same one. */
export interface ConversationKeys {
  readonly session: string
  /**
   * The conversation of this client key: another key's of the same name is another one. Without a name the beginning tells
   * it, also from others under one `prompt_cache_key`.
   */
  readonly owned: string
  /** The caller named the session: its id alone is proof. Else strangers may have begun with the same words. */
  readonly isNamed: boolean
  readonly user: string | undefined
  /** `undefined` in a tool loop so long that the human's words were dropped from it. */
  readonly turn: number | undefined
  /** The turn before this one; `undefined` when the request does not hold it. */
  readonly previousTurn: number | undefined
}

const namesOf = (request: ChatRequest, words: HumanWords) => {
  const named = namedSession(request, words)
  if (named !== undefined) return { session: named, remembered: named, isNamed: true }
  const cacheKey = cacheKeyOf(request)
  const beginning = beginningOf(request)
  return { session: cacheKey ?? beginning, remembered: `\0${cacheKey ?? ""}\0${beginning}`, isNamed: false }
}

export const conversationKeys = (request: ChatRequest, words: HumanWords): ConversationKeys => {
  const previous = words.earlier[0]
  const { keyId } = request.client
  const { isNamed, remembered, session } = namesOf(request, words)
  return {
    session,
    owned: `${keyId}\0${remembered}`,
    isNamed,
    user: request.user === undefined ? undefined : `${keyId}\0user\0${idOf(request.user)}`,
    turn: words.text === "" && words.inToolLoop ? undefined : Hash.string(words.text),
    previousTurn: previous === undefined ? undefined : Hash.string(previous)
  }
}

/** A conversation nobody went on with for this long is over. */
const expiryMillis = 30 * 60 * 1_000
const mostSessions = 10_000

/** The latest conversations, by id and by user: at most 10,000 entries, each for 30 minutes after its last turn. */
export class ConversationMemory {
  readonly #turns = new Map<string, { readonly last: LastTurn; readonly atMillis: number }>()
  /** Goes on where it was: from the map's beginning it would pass by all that was removed there. */
  #keys = this.#turns.keys()
  #oldest: string | undefined

  get size(): number {
    return this.#turns.size
  }

  remember(keys: ConversationKeys, { after, before, decided }: Omit<LastTurn, "turn">, nowMillis: number): void {
    if (keys.turn === undefined) return
    const last = { after, before, decided, turn: keys.turn }
    this.#put(keys.owned, last, nowMillis)
    if (keys.user !== undefined) this.#put(keys.user, last, nowMillis)
  }

  /** Changes nothing, so that a dry run leaves no trace. */
  recall({ isNamed, owned, previousTurn, turn, user }: ConversationKeys, nowMillis: number): Recalled | undefined {
    // A request of its own says nothing of its conversation but whose it is.
    const byUser = !isNamed && previousTurn === undefined && user !== undefined
    const entry = this.#turns.get(byUser ? user : owned)
    if (entry === undefined || nowMillis - entry.atMillis > expiryMillis) return undefined
    const { after, before, decided, turn: last } = entry.last
    if (turn === undefined || turn === last) return { conversation: before, decided, after, byUser }
    return isNamed || byUser || last === previousTurn
      ? { conversation: after, decided: undefined, after: undefined, byUser }
      : undefined
  }

  #put(key: string, last: LastTurn, nowMillis: number): void {
    this.#turns.delete(key)
    this.#turns.set(key, { last, atMillis: nowMillis })
    // A key that is put again is the latest.
    if (key === this.#oldest) this.#oldest = undefined
    for (;;) {
      this.#oldest ??= this.#nextKey()
      const atMillis = this.#turns.get(this.#oldest)?.atMillis ?? nowMillis
      if (this.#turns.size <= mostSessions && nowMillis - atMillis <= expiryMillis) return
      this.#turns.delete(this.#oldest)
      this.#oldest = undefined
    }
  }

  #nextKey(): string {
    const { done, value } = this.#keys.next()
    if (done !== true) return value
    // It ends for good where there was no further key.
    this.#keys = this.#turns.keys()
    return this.#nextKey()
  }
}
