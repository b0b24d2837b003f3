/**
 * What OpenRouter's model list says of each model: how long a context it takes, whether it knows tools and images,
 * what it costs. Refreshed in the background; a router without it tries every model.
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { modelsOf } from "@llm-router/domain/RouterConfig"
import { Context, Duration, Effect, Layer, Option, Redacted, Schedule, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { ConfigStore } from "./ConfigStore.ts"
import type { UpstreamSettings } from "./ModelClient.ts"

export interface ModelFacts {
  readonly contextLength: number | undefined
  readonly tools: boolean
  readonly images: boolean
  /** Per token. */
  readonly inputPrice: PicoDollars | undefined
  readonly outputPrice: PicoDollars | undefined
}

const WireModel = Schema.Struct({
  id: Schema.String,
  context_length: Schema.optional(Schema.NullOr(Schema.Finite)),
  architecture: Schema.optional(
    Schema.NullOr(Schema.Struct({ input_modalities: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))) }))
  ),
  pricing: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        prompt: Schema.optional(Schema.NullOr(Schema.String)),
        completion: Schema.optional(Schema.NullOr(Schema.String))
      })
    )
  ),
  supported_parameters: Schema.optional(Schema.NullOr(Schema.Array(Schema.String)))
})

/** One odd entry must not cost the whole list. */
const decodeModel = Schema.decodeUnknownOption(WireModel)
const WireList = Schema.Struct({ data: Schema.Array(Schema.Unknown).check(Schema.isMaxLength(20_000)) })

/** OpenRouter prices "auto" models at -1: unknown, not a gift. */
const priceOf = (price: string | null | undefined): PicoDollars | undefined => {
  const amount = picoDollarsOf(price ?? "")
  return amount === undefined || amount < 0n ? undefined : amount
}

const factsOf = (model: typeof WireModel.Type): ModelFacts => ({
  contextLength: model.context_length ?? undefined,
  // A list that does not say what a model takes does not say that it takes nothing.
  tools: model.supported_parameters?.includes("tools") ?? true,
  images: model.architecture?.input_modalities?.includes("image") ?? true,
  inputPrice: priceOf(model.pricing?.prompt),
  outputPrice: priceOf(model.pricing?.completion)
})

const refreshInterval = Duration.hours(1)
const retryDelay = Schedule.min([Schedule.exponential("5 seconds"), Schedule.spaced("5 minutes")])

export class ModelCatalogue extends Context.Service<
  ModelCatalogue,
  {
    /** False until the list was read once. */
    readonly known: () => boolean
    readonly lookup: (model: string) => ModelFacts | undefined
  }
>()("@llm-router/router/ModelCatalogue") {
  static readonly layerOpenRouter = (settings: UpstreamSettings) =>
    Layer.effect(
      ModelCatalogue,
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const store = yield* ConfigStore
        let models: ReadonlyMap<string, ModelFacts> = new Map()

        const refresh = Effect.gen(function* () {
          const request = HttpClientRequest.get(`${settings.baseUrl}/models`).pipe(
            settings.apiKey === undefined
              ? (same) => same
              : HttpClientRequest.bearerToken(Redacted.value(settings.apiKey))
          )
          const response = yield* client.execute(request)
          const list = yield* Schema.decodeUnknownEffect(WireList)(yield* response.json)
          const entries = list.data.flatMap((entry) =>
            Option.match(decodeModel(entry), {
              onNone: () => [],
              onSome: (model) => [[model.id, factsOf(model)] as const]
            })
          )
          if (entries.length > 0) models = new Map(entries)
        }).pipe(
          Effect.timeout("20 seconds"),
          Effect.provideService(HttpClient.TracerPropagationEnabled, settings.tracePropagation)
        )

        /** A model that the upstream dropped fails every request until somebody takes it out of its chain. */
        const warnOfGone = Effect.suspend(() => {
          const gone = [...modelsOf(store.currentUnsafe())].filter((model) => !models.has(model))
          return gone.length === 0 || gone.length === modelsOf(store.currentUnsafe()).size
            ? Effect.void
            : Effect.logWarning(`Not in OpenRouter's model list, and left out of their chains: ${gone.join(", ")}.`)
        })

        if (settings.apiKey !== undefined) {
          yield* refresh.pipe(
            Effect.tapCause((cause) =>
              Effect.logInfo("OpenRouter's model list was not read; it is tried again.", cause)
            ),
            Effect.retry(retryDelay),
            Effect.andThen(warnOfGone),
            Effect.repeat(Schedule.spaced(refreshInterval)),
            Effect.forkScoped
          )
        }
        return ModelCatalogue.of({ known: () => models.size > 0, lookup: (model) => models.get(model) })
      })
    )
}
