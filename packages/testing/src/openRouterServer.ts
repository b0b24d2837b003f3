/**
 * An OpenRouter-like server: its routes, ids and charges. What a model does with a call is given from outside.
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { Effect, type Scope } from "effect"
import type { WireUsage } from "./answer.ts"
import { askOf, type ChatAsk } from "./ask.ts"
import type { Exchange } from "./Exchange.ts"
import { listen, type ListenError, type ListenOptions } from "./listen.ts"
import { play } from "./play.ts"
import { type Behaviour, status } from "./script.ts"
import { type Identity, provider } from "./wire.ts"

export interface Scripted {
  readonly behaviour: Behaviour
  /** How often each sequence was called so far; counted up by the calls. */
  readonly turns: Map<Behaviour, number>
}

export interface OpenRouterOptions extends Pick<ListenOptions, "onRequest" | "onClose"> {
  readonly scriptFor: (ask: ChatAsk) => Scripted
  readonly models: () => ReadonlyArray<object>
  readonly onCharge?: (cost: PicoDollars) => void
  /** What `GET /generation` says of answers that ended before their usage was sent; as of any other where not given. */
  readonly generation?: () => GenerationScript
  /** How many of the latest generations `GET /generation` knows. */
  readonly generationsKept?: number
}

/** How a record of a generation is asked for in vain, and what it says in the end. */
export interface GenerationScript {
  /** So many times it is not there yet. */
  readonly missing?: number
  /** The status of each answer, instead of 200. */
  readonly status?: number
  /** USD. */
  readonly cost?: number
  readonly promptTokens?: number
  readonly completionTokens?: number
}

interface Generation {
  readonly identity: Identity
  readonly streamed: boolean
  usage: WireUsage | undefined
  /** How often its record was asked for. */
  asked: number
}

/** An unfinished answer as its script says it was billed. */
const billedAs = ({ completionTokens = 0, cost = 0, promptTokens = 0 }: GenerationScript): WireUsage => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  cost,
  cost_details: { upstream_inference_cost: cost },
  prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 }
})

const generationView = ({ identity, streamed, usage }: Generation): object => ({
  id: identity.id,
  model: identity.model,
  provider_name: provider,
  created_at: new Date(identity.created * 1000).toISOString(),
  streamed,
  total_cost: usage?.cost ?? 0,
  usage: usage?.cost ?? 0,
  tokens_prompt: usage?.prompt_tokens ?? 0,
  tokens_completion: usage?.completion_tokens ?? 0,
  native_tokens_prompt: usage?.prompt_tokens ?? 0,
  native_tokens_completion: usage?.completion_tokens ?? 0,
  native_tokens_reasoning: usage?.completion_tokens_details.reasoning_tokens ?? 0,
  native_tokens_cached: usage?.prompt_tokens_details.cached_tokens ?? 0,
  cache_discount: null
})

const takeTurn = (turns: Map<Behaviour, number>, sequence: Extract<Behaviour, { _tag: "Sequence" }>): Behaviour => {
  const turn = turns.get(sequence) ?? 0
  turns.set(sequence, turn + 1)
  return sequence.behaviours[Math.min(turn, sequence.behaviours.length - 1)] ?? status(500)
}

/** Starts it; gives the base URL, `http://127.0.0.1:port/api/v1`. */
export const openRouterServer = (options: OpenRouterOptions): Effect.Effect<string, ListenError, Scope.Scope> => {
  const { generationsKept = 1_000 } = options
  const generations = new Map<string, Generation>()
  const startedAt = Math.floor(Date.now() / 1000)
  let calls = 0

  const begin = (ask: ChatAsk): Generation => {
    const generation: Generation = {
      identity: { id: `gen-${startedAt}-${++calls}`, model: ask.model, created: Math.floor(Date.now() / 1000) },
      streamed: ask.stream,
      usage: undefined,
      asked: 0
    }
    generations.set(generation.identity.id, generation)
    generations.delete(`gen-${startedAt}-${calls - generationsKept}`)
    return generation
  }

  const complete = (exchange: Exchange): Effect.Effect<void> => {
    const ask = askOf(exchange.body)
    if (ask === undefined) {
      return exchange.json(400, envelope(400, "The body is no chat completion request", "invalid_request"))
    }
    const generation = begin(ask)
    const { identity } = generation
    const { behaviour, turns } = options.scriptFor(ask)
    exchange.response.setHeader("x-generation-id", identity.id)
    return play(
      {
        exchange,
        ask,
        identity,
        charge: (usage) => {
          generation.usage = usage
          options.onCharge?.(picoDollarsOf(usage.cost) ?? 0n)
        },
        turnOf: (sequence) => takeTurn(turns, sequence)
      },
      behaviour
    )
  }

  const notFound = (exchange: Exchange): Effect.Effect<void> =>
    exchange.json(404, envelope(404, "Generation not found", "not_found"))

  const tellOf = (exchange: Exchange, generation: Generation): Effect.Effect<void> => {
    const script = options.generation?.() ?? {}
    generation.asked++
    if (script.status !== undefined) return exchange.json(script.status, envelope(script.status, "Failed", "server"))
    if (generation.asked <= (script.missing ?? 0)) return notFound(exchange)
    if (generation.usage === undefined) {
      generation.usage = billedAs(script)
      options.onCharge?.(picoDollarsOf(generation.usage.cost) ?? 0n)
    }
    return exchange.json(200, { data: generationView(generation) })
  }

  const respond = (exchange: Exchange): Effect.Effect<void> => {
    switch (`${exchange.request.method} ${exchange.path}`) {
      case "POST /api/v1/chat/completions":
        return complete(exchange)
      case "GET /api/v1/models":
        return exchange.json(200, {
          data: options.models(),
          total_count: options.models().length,
          links: { next: null }
        })
      case "GET /api/v1/generation": {
        const generation = generations.get(exchange.url.searchParams.get("id") ?? "")
        return generation === undefined ? notFound(exchange) : tellOf(exchange, generation)
      }
      default:
        return exchange.json(404, envelope(404, "Not found", "not_found"))
    }
  }

  return Effect.map(listen({ ...options, respond }), (origin) => `${origin}/api/v1`)
}

const envelope = (code: number, message: string, errorType: string): object => ({
  error: { code, message, metadata: { error_type: errorType } }
})
