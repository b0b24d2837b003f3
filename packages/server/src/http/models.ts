/** The list of models: the router itself, each category, and every model of every chain. */
import type { ModelList } from "@llm-router/api/OpenAi"
import { modelsOf, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { decimalOf } from "@llm-router/domain/Money"
import { NotFound } from "@llm-router/domain/RouterError"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { ModelCatalogue } from "@llm-router/router/ModelCatalogue"
import { pricesUnder } from "@llm-router/router/pricing"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { ServerSettings } from "../ServerSettings.ts"
import { errorResponse, wireErrorOf } from "./errors.ts"

type Models = typeof ModelList.Type

export const modelList = Effect.gen(function* () {
  const store = yield* ConfigStore
  const catalogue = yield* ModelCatalogue
  const { startedAtMillis } = yield* ServerSettings
  const created = Math.floor(startedAtMillis / 1000)

  const model = (id: string, ownedBy: string) => ({ id, object: "model" as const, created, owned_by: ownedBy })

  const upstreamModel = (config: RouterConfig) => (id: string) => {
    const facts = catalogue.lookup(id)
    const prices = pricesUnder(config, catalogue)(id)
    return {
      ...model(id, id.slice(0, id.indexOf("/"))),
      ...(facts?.contextLength === undefined ? {} : { context_length: facts.contextLength }),
      ...(prices === undefined
        ? {}
        : { pricing: { prompt: decimalOf(prices.input), completion: decimalOf(prices.output) } })
    }
  }

  return Effect.map(store.current, (config): Models => ({
    object: "list",
    data: [
      model("router", "llm-router"),
      ...[...config.categories.keys()].map((category) => model(`router/${category}`, "llm-router")),
      ...[...modelsOf(config)].map(upstreamModel(config))
    ]
  }))
})

/** The model of this id, as the list has it; else the error's envelope. */
export const oneOf = (list: Effect.Effect<Models>, id: string) =>
  Effect.map(list, ({ data }) => {
    const found = data.find((model) => model.id === id)
    if (found !== undefined) return HttpServerResponse.jsonUnsafe(found)
    const message = `There is no model ${JSON.stringify(id.slice(0, 200))}. GET /v1/models lists what there is.`
    return errorResponse(wireErrorOf(new NotFound({ message, param: "model", code: "model_not_found" })))
  })
