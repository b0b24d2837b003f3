/** The list of models: the router itself, each category, and every model of every chain. */
import type { ModelList } from "@llm-router/api/OpenAi"
import { modelsOf, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { decimalOf } from "@llm-router/domain/Money"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { ModelCatalogue } from "@llm-router/router/ModelCatalogue"
import { pricesUnder } from "@llm-router/router/pricing"
import { Effect } from "effect"
import { ServerSettings } from "../ServerSettings.ts"

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

  return Effect.map(store.current, (config): typeof ModelList.Type => ({
    object: "list",
    data: [
      model("router", "llm-router"),
      ...[...config.categories.keys()].map((category) => model(`router/${category}`, "llm-router")),
      ...[...modelsOf(config)].map(upstreamModel(config))
    ]
  }))
})
