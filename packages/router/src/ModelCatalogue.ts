/**
 * What OpenRouter's model list says of each model: how long a context it takes, whether it knows tools and images,
 * what it costs. Refreshed in the background and kept on disk; a router without it tries every model.
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { modelsOf } from "@llm-router/domain/RouterConfig"
import { Clock, Context, Duration, Effect, Layer, Redacted, Schedule, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { textWithin } from "./boundedBody.ts"
import { ConfigStore } from "./ConfigStore.ts"
import type { UpstreamSettings } from "./ModelClient.ts"
import { keepModelList, readModelList } from "./modelListFile.ts"
import { isNeverListed, variantOf } from "./modelNames.ts"
import { type Fields, fieldsOf, stringOf } from "./openrouter/json.ts"

export interface ModelFacts {
  readonly contextLength: number | undefined
  readonly tools: boolean
  readonly images: boolean
  /** Per token. */
  readonly inputPrice: PicoDollars | undefined
  readonly outputPrice: PicoDollars | undefined
}

const WireList = Schema.Struct({ data: Schema.Array(Schema.Unknown).check(Schema.isMaxLength(20_000)) })

/** OpenRouter prices "auto" models at -1: unknown, not a gift. */
const priceOf = (price: unknown): PicoDollars | undefined => {
  const amount = picoDollarsOf(stringOf(price) ?? "")
  return amount === undefined || amount < 0n ? undefined : amount
}

/** Whether a list names something; one that is none says nothing, which is not that a model takes nothing. */
const names = (list: unknown, name: string): boolean => !Array.isArray(list) || list.includes(name)

/** A field that cannot be read is unknown: it must not cost its model, nor the whole list. */
const factsOf = (entry: Fields): ModelFacts => {
  const { context_length: contextLength } = entry
  const pricing = fieldsOf(entry["pricing"])
  return {
    contextLength: typeof contextLength === "number" && contextLength > 0 ? contextLength : undefined,
    tools: names(entry["supported_parameters"], "tools"),
    images: names(fieldsOf(entry["architecture"])["input_modalities"], "image"),
    inputPrice: priceOf(pricing["prompt"]),
    outputPrice: priceOf(pricing["completion"])
  }
}

const decodeList = Schema.decodeUnknownEffect(Schema.fromJsonString(WireList))
/** The whole list is some 2 MiB. */
const longestListBytes = 32 * 1024 * 1024

const refreshInterval = Duration.hours(1)
const retryDelay = Schedule.min([Schedule.exponential("5 seconds"), Schedule.spaced("5 minutes")])

export class ModelCatalogue extends Context.Service<
  ModelCatalogue,
  {
    /** False until OpenRouter gave its list: what is missing in one that was kept on disk may be new since. */
    readonly known: () => boolean
    /** Of this very name. */
    readonly listed: (model: string) => ModelFacts | undefined
    /** Of a variant that is not listed, what is known of its model. */
    readonly lookup: (model: string) => ModelFacts | undefined
    /** OpenRouter has a list, and this model should be in it and is not. */
    readonly isGone: (model: string) => boolean
  }
>()("@llm-router/router/ModelCatalogue") {
  /** `path` is the file that keeps the list from one start to the next; none when it is not to be kept. */
  static readonly layerOpenRouter = (settings: UpstreamSettings, path?: string) =>
    Layer.effect(
      ModelCatalogue,
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const store = yield* ConfigStore
        const kept = path === undefined ? undefined : yield* readModelList(path)
        if (kept !== undefined)
          yield* Effect.logInfo(`OpenRouter's model list of ${kept.fetchedAt} is used for a start.`)
        let models: ReadonlyMap<string, ModelFacts> = kept?.models ?? new Map()
        let known = false

        const refresh = Effect.gen(function* () {
          const request = HttpClientRequest.get(`${settings.baseUrl}/models`).pipe(
            settings.apiKey === undefined
              ? (same) => same
              : HttpClientRequest.bearerToken(Redacted.value(settings.apiKey))
          )
          const response = yield* client.execute(request)
          const text = yield* textWithin(response, longestListBytes)
          if (response.status !== 200) return yield* Effect.fail(`OpenRouter answered ${response.status}.`)
          const list = yield* decodeList(text)
          const entries = list.data.flatMap((entry) => {
            const fields = fieldsOf(entry)
            const id = stringOf(fields["id"])
            return id === undefined ? [] : [[id, factsOf(fields)] as const]
          })
          if (entries.length === 0) return
          models = new Map(entries)
          known = true
        }).pipe(
          Effect.timeout("20 seconds"),
          Effect.provideService(HttpClient.TracerPropagationEnabled, settings.tracePropagation)
        )

        const keep = Effect.gen(function* () {
          if (path === undefined || !known) return
          const fetchedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
          yield* keepModelList(path, { fetchedAt, models })
        })

        const listed = (model: string) => models.get(model)
        const lookup = (model: string) => listed(model) ?? listed(variantOf(model) ?? "")
        const isGone = (model: string) => known && lookup(model) === undefined && !isNeverListed(model)

        /** A model that the upstream dropped fails every request until somebody takes it out of its chain. */
        const warnOfGone = Effect.suspend(() => {
          const gone = [...modelsOf(store.currentUnsafe())].filter(isGone)
          return gone.length === 0 || gone.length === modelsOf(store.currentUnsafe()).size
            ? Effect.void
            : Effect.logWarning(`Not in OpenRouter's model list, and left out of their chains: ${gone.join(", ")}.`)
        })

        if (settings.apiKey !== undefined) {
          yield* refresh.pipe(
            Effect.tapError((error) => {
              const reason = typeof error === "string" ? error : error.message.split("\n", 1).join("")
              return Effect.logInfo(`OpenRouter's model list was not read; it is tried again. ${reason}`)
            }),
            Effect.retry(retryDelay),
            Effect.andThen(keep),
            Effect.andThen(warnOfGone),
            Effect.repeat(Schedule.spaced(refreshInterval)),
            Effect.forkScoped
          )
        }
        return ModelCatalogue.of({ known: () => known, listed, lookup, isGone })
      })
    )
}
