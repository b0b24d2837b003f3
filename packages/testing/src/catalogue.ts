/**
 * The models a fake OpenRouter lists, and what it charges for any model.
 */
import { decimalOf, type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"

/** One entry of `GET /api/v1/models`. Prices are decimal strings in USD per token. */
export interface ModelListing {
  readonly id: string
  readonly canonical_slug: string
  readonly name: string
  readonly created: number
  readonly description: string
  readonly context_length: number | null
  readonly architecture: {
    readonly input_modalities: ReadonlyArray<string>
    readonly output_modalities: ReadonlyArray<string>
    readonly tokenizer: string
    readonly instruct_type: string | null
  }
  readonly pricing: Readonly<Record<string, string>>
  readonly top_provider: {
    readonly context_length: number | null
    readonly max_completion_tokens: number | null
    readonly is_moderated: boolean
  }
  readonly supported_parameters: ReadonlyArray<string>
  readonly expiration_date: string | null
}

export interface ListingOptions {
  readonly id: string
  readonly contextLength?: number
  /** USD per million tokens. */
  readonly inputPerMillion?: string
  readonly outputPerMillion?: string
  readonly inputModalities?: ReadonlyArray<string>
  readonly supportedParameters?: ReadonlyArray<string>
  readonly expirationDate?: string
}

const usualParameters = [
  "max_tokens",
  "temperature",
  "top_p",
  "stop",
  "seed",
  "tools",
  "tool_choice",
  "response_format",
  "structured_outputs"
]

const perToken = (perMillion: string): string => decimalOf((picoDollarsOf(perMillion) ?? 0n) / 1_000_000n)

/** A whole listing from what matters in it. */
export const listing = (options: ListingOptions): ModelListing => {
  const contextLength = options.contextLength ?? 131_072
  return {
    id: options.id,
    canonical_slug: options.id,
    name: options.id,
    created: 1_760_000_000,
    description: "A simulated model.",
    context_length: contextLength,
    architecture: {
      input_modalities: options.inputModalities ?? ["text"],
      output_modalities: ["text"],
      tokenizer: "Other",
      instruct_type: null
    },
    pricing: {
      prompt: perToken(options.inputPerMillion ?? "0.15"),
      completion: perToken(options.outputPerMillion ?? "0.60"),
      request: "0",
      image: "0"
    },
    top_provider: { context_length: contextLength, max_completion_tokens: 16_384, is_moderated: false },
    supported_parameters: options.supportedParameters ?? usualParameters,
    expiration_date: options.expirationDate ?? null
  }
}

/** The models of the README. */
export const catalogue: ReadonlyArray<ModelListing> = [
  listing({ id: "openrouter/aurora-alpha", inputPerMillion: "0.15", outputPerMillion: "0.60", contextLength: 128_000 }),
  listing({
    id: "moonshotai/kimi-k2.5",
    inputPerMillion: "0.10",
    outputPerMillion: "0.30",
    contextLength: 262_144,
    inputModalities: ["text", "image"]
  }),
  listing({ id: "z-ai/glm-5", inputPerMillion: "0.05", outputPerMillion: "0.15", contextLength: 204_800 }),
  listing({
    id: "openai/gpt-4o-mini",
    inputPerMillion: "0.15",
    outputPerMillion: "0.60",
    contextLength: 128_000,
    inputModalities: ["text", "image"]
  }),
  listing({
    id: "openai/gpt-4o",
    inputPerMillion: "2.50",
    outputPerMillion: "10.00",
    contextLength: 128_000,
    inputModalities: ["text", "image"]
  }),
  listing({ id: "qwen/qwen3-1.7b", inputPerMillion: "0.02", outputPerMillion: "0.06", contextLength: 32_768 })
]

const otherModels = listing({ id: "other/model" })

/** What a call costs; models outside the catalogue are charged 0.15 and 0.60 USD per million tokens. */
export const costOf = (model: string, inputTokens: number, outputTokens: number): PicoDollars => {
  const { pricing } = catalogue.find(({ id }) => id === model) ?? otherModels
  const price = (kind: string): PicoDollars => picoDollarsOf(pricing[kind] ?? "0") ?? 0n
  return BigInt(inputTokens) * price("prompt") + BigInt(outputTokens) * price("completion")
}
