/** What a user wants to know when the router has started: what is amiss, then where it is and what it does. */
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { CostLedger } from "@llm-router/router/CostLedger"
import { ModelClient } from "@llm-router/router/ModelClient"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { ServerSettings } from "./ServerSettings.ts"

/** Categories come and go while the router runs, so that this is no reason not to start. */
const unknownCategory = ({ categories }: RouterConfig, name: string): ReadonlyArray<string> =>
  categories.has(name)
    ? []
    : [`DEFAULT_CATEGORY: there is no category ${name}; until there is, conversation takes its place.`]

export const announced = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const store = yield* ConfigStore
    const ledger = yield* CostLedger
    const client = yield* ModelClient
    const { misspelt, sandbox, settings, version } = yield* ServerSettings
    const categories = [...store.currentUnsafe().categories.values()]
    const width = Math.max(...categories.map(({ name }) => name.length))
    const missing = client.configured
      ? []
      : ["OPENROUTER_API_KEY is missing: chat completions answer 503 until it is set (or try --sandbox)."]
    const amiss = [
      ...missing,
      ...unknownCategory(store.currentUnsafe(), settings.defaultCategory),
      ...misspelt.map(({ meant, name, place }) => `${name} in ${place} is no setting: is ${meant} meant?`)
    ]
    // Whoever waits for the banner has all that is amiss before it.
    yield* Effect.forEach(amiss, (line) => Effect.logWarning(line), { discard: true })
    yield* Effect.logInfo(
      [
        `LLM Router ${version} listens on ${HttpServer.formatAddress(address)}`,
        `  mode     ${settings.routingMode}${sandbox ? ", sandbox: simulated models, nothing is sent or paid" : ""}`,
        ...categories.map(
          ({ models, name }, index) =>
            `  ${index === 0 ? "chains" : "      "}   ${name.padEnd(width)}  ${models.join(" → ")}`
        ),
        `  config   ${store.path}`,
        `  ledger   ${ledger.location}`
      ].join("\n")
    )
  })
)
