/** What operators change while the router runs: categories, chains, circuits. */
import { Api } from "@llm-router/api/Api"
import type { ConfigView } from "@llm-router/api/ConfigApi"
import { picoDollarsPerDollar, type PicoDollars } from "@llm-router/domain/Money"
import { defaultCircuit, modelsOf, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { NotFound } from "@llm-router/domain/RouterError"
import { CircuitBreaker } from "@llm-router/router/CircuitBreaker"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { ModelCatalogue } from "@llm-router/router/ModelCatalogue"
import { builtinPrices, pricesUnder } from "@llm-router/router/pricing"
import { Effect } from "effect"
import { Headers, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ServerSettings } from "../ServerSettings.ts"
import { settingsView } from "../settings.ts"
import { type EdgeError, errorResponse, wireErrorOf } from "./errors.ts"

/** The version of the configuration file's format, which `GET /config` tells too. */
const configVersion = 2

export const ConfigHandlers = HttpApiBuilder.group(
  Api,
  "config",
  Effect.fn(function* (handlers) {
    const store = yield* ConfigStore
    const circuits = yield* CircuitBreaker
    const catalogue = yield* ModelCatalogue
    const server = yield* ServerSettings

    const pricesByModel = (config: RouterConfig) => {
      const pricesOf = pricesUnder(config, catalogue)
      return new Map(
        [...new Set([...builtinPrices.keys(), ...modelsOf(config), ...config.prices.keys()])].flatMap((model) => {
          const prices = pricesOf(model)
          return prices === undefined ? [] : [[model, prices] as const]
        })
      )
    }

    /** Unset in the environment, these are the configuration file's. */
    const circuitSettings = ({ circuit }: RouterConfig): ConfigView["settings"] => {
      const inForce = (name: "CIRCUIT_FAILURE_THRESHOLD" | "CIRCUIT_OPEN_MS", value: number, fallback: number) => {
        const source = server.sources[name]
        return { value, source: source !== "default" ? source : value === fallback ? "default" : "file" }
      }
      const { failureThreshold, openMillis } = defaultCircuit
      return {
        CIRCUIT_FAILURE_THRESHOLD: inForce("CIRCUIT_FAILURE_THRESHOLD", circuit.failureThreshold, failureThreshold),
        CIRCUIT_OPEN_MS: inForce("CIRCUIT_OPEN_MS", circuit.openMillis, openMillis)
      }
    }

    const view = (config: RouterConfig): ConfigView => {
      const { settings, sources } = server
      const categories = [...config.categories.values()]
      const mapped = <A>(of: (category: (typeof categories)[number]) => A) =>
        Object.fromEntries(categories.map((category) => [category.name, of(category)]))
      return {
        version: configVersion,
        routing_mode: settings.routingMode,
        ollama: { base_url: settings.ollamaBaseUrl, model: settings.ollamaRouterModel },
        api: { model: settings.routerApiModel },
        model_mappings: mapped(({ models }) => models),
        keywords: mapped(({ keywords }) => keywords),
        custom_categories: Object.fromEntries(
          categories
            .filter(({ builtin }) => !builtin)
            .map(({ description, keywords, models, name }) => [name, { description, models, keywords }])
        ),
        model_costs: Object.fromEntries(
          [...pricesByModel(config)].map(([model, { input, output }]) => [
            model,
            { input: perMillion(input), output: perMillion(output) }
          ])
        ),
        categories: mapped(({ builtin, description, examples = [], keywords, models }) => ({
          models,
          keywords,
          description,
          examples,
          builtin
        })),
        circuit_breaker: { failure_threshold: config.circuit.failureThreshold, open_ms: config.circuit.openMillis },
        settings: { ...settingsView(settings, sources), ...circuitSettings(config) }
      }
    }

    const json = (body: unknown, config: RouterConfig, status = 200) =>
      HttpServerResponse.jsonUnsafe(body, { status, headers: Headers.fromInput({ etag: config.etag }) })

    /** What an operator did is in the log, and why it could not be done where the caller alone cannot mend that. */
    const answer = <A>(
      change: Effect.Effect<A, EdgeError>,
      line: (changed: A) => string,
      respond: (changed: A) => HttpServerResponse.HttpServerResponse
    ) =>
      Effect.matchEffect(change, {
        onSuccess: (changed) => Effect.as(Effect.logInfo(line(changed)), respond(changed)),
        onFailure: (error) =>
          Effect.as(
            error._tag === "ConfigNotSaved" ? Effect.logError(error.message) : Effect.void,
            errorResponse(wireErrorOf(error))
          )
      })

    /** A circuit is known by the chains, or because its model was asked and failed. */
    const knownModel = Effect.fnUntraced(function* (model: string) {
      const known = modelsOf(store.currentUnsafe()).has(model) || (yield* circuits.views).has(model)
      if (known) return model
      return yield* new NotFound({
        message: `No chain knows the model ${JSON.stringify(model.slice(0, 200))}.`,
        param: "model",
        code: "model_not_found"
      })
    })

    const resetAll = answer(
      circuits.resetAll,
      () => "All circuits were reset.",
      (reset) => HttpServerResponse.jsonUnsafe({ status: "ok", model: "*", state: "closed", reset })
    )

    return handlers
      .handle("read", () => Effect.map(store.current, (config) => json(view(config), config)))
      .handle("setCategory", ({ headers, payload }) =>
        answer(
          store.setCategory(payload, headers["if-match"]),
          ({ category, created }) => `The category ${category.name} was ${created ? "added" : "changed"}.`,
          ({ category, config, created }) => {
            const { builtin, description, examples = [], keywords, models, name } = category
            const body = { status: "ok", category: name, models, keywords, description, examples, builtin }
            return json(body, config, created ? 201 : 200)
          }
        )
      )
      .handle("setModels", ({ headers, payload }) =>
        answer(
          store.setModels(payload.category, payload.models, headers["if-match"]),
          ({ category }) => `The chain of the category ${category.name} was changed.`,
          ({ category, config }) => json({ status: "ok", category: category.name, models: category.models }, config)
        )
      )
      .handle("deleteCategory", ({ headers, params }) =>
        answer(
          store.deleteCategory(params.name, headers["if-match"]),
          ({ category }) => `The category ${category.name} was deleted.`,
          ({ category, config }) => json({ status: "ok", deleted: category.name }, config)
        )
      )
      .handle("resetCircuit", ({ params }) => {
        const name = params["*"] ?? ""
        return name === ""
          ? resetAll
          : answer(
              Effect.flatMap(knownModel(name), circuits.reset),
              (was) => `The circuit of ${name} was reset; it was ${was}.`,
              (was) => HttpServerResponse.jsonUnsafe({ status: "ok", model: name, state: "closed", was })
            )
      })
      .handle("resetAllCircuits", () => resetAll)
      .handle("openCircuit", ({ params }) => {
        const name = params["*"] ?? ""
        return answer(
          Effect.flatMap(knownModel(name), circuits.holdOpen),
          (was) => `The circuit of ${name} is held open; it was ${was}.`,
          (was) => HttpServerResponse.jsonUnsafe({ status: "ok", model: name, state: "open", was })
        )
      })
  })
)

/** Pico-dollars per token as USD per 1M tokens. */
const perMillion = (price: PicoDollars): number => Number(price) / Number(picoDollarsPerDollar / 1_000_000n)
