/** Health of the service and its parts, from what is known already: it asks nobody. */
import { Api } from "@llm-router/api/Api"
import type { Check, HealthView } from "@llm-router/api/HealthApi"
import { modelsOf } from "@llm-router/domain/RouterConfig"
import { CircuitBreaker } from "@llm-router/router/CircuitBreaker"
import { type Backend, circuitOf, Classifier, isClassifierCircuit } from "@llm-router/router/Classifier"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { CostLedger } from "@llm-router/router/CostLedger"
import { ModelCatalogue } from "@llm-router/router/ModelCatalogue"
import { ModelClient } from "@llm-router/router/ModelClient"
import { UpstreamStatus } from "@llm-router/router/UpstreamStatus"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Lifecycle } from "../Lifecycle.ts"
import { ServerSettings } from "../ServerSettings.ts"

const ok = (message: string): Check => ({ status: "ok", message })
const warning = (message: string): Check => ({ status: "warning", message })
/** As much of what an upstream said is told to anybody who asks. */
const longestError = 200

const failing = (message: string): Check => ({ status: "error", message })

export const HealthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fn(function* (handlers) {
    const circuits = yield* CircuitBreaker
    const catalogue = yield* ModelCatalogue
    const classifier = yield* Classifier
    const client = yield* ModelClient
    const ledger = yield* CostLedger
    const lifecycle = yield* Lifecycle
    const store = yield* ConfigStore
    const upstream = yield* UpstreamStatus
    const { now } = yield* Watchdog
    const { settings, startedAtMillis, version } = yield* ServerSettings
    const asks = (backend: Backend): boolean => classifier.backends.includes(backend)

    const openrouterCheck = (): Check => {
      if (!client.configured) {
        return failing("There is no key: set OPENROUTER_API_KEY and start again, or try --sandbox.")
      }
      const { accountProblem, lastFailure, lastSuccessAtMillis, notServed } = upstream.report()
      if (accountProblem !== undefined) return failing(accountProblem)
      const chained = modelsOf(store.currentUnsafe())
      const list = [...notServed].flatMap(([model, code]) => (chained.has(model) ? [`${model} (${code})`] : []))
      if (list.length > 0) {
        return warning(`Not served: ${list.join("; ")}. Take them out of their chains (POST /config/model-mapping).`)
      }
      const failedLast = lastFailure !== undefined && lastFailure.atMillis > (lastSuccessAtMillis ?? 0)
      return failedLast
        ? warning(`The last attempt failed: ${lastFailure.model}, ${lastFailure.reason._tag}.`)
        : ok(
            lastSuccessAtMillis === undefined ? "There is a key; nothing was asked yet." : "The last attempt succeeded."
          )
    }

    const goneCheck = (): Check => {
      if (!catalogue.known()) return { status: "unused", message: "OpenRouter's model list was not read yet." }
      const gone = [...modelsOf(store.currentUnsafe())].filter(catalogue.isGone)
      return gone.length === 0
        ? ok("Every model of every chain is in OpenRouter's list.")
        : warning(`Gone from OpenRouter's list: ${gone.join(", ")}. Change their chains (POST /config/model-mapping).`)
    }

    const ledgerCheck = (): Check => {
      const { damage, lost, message, queued, state, unreadable } = ledger.status()
      if (damage !== undefined) {
        return failing(`${damage}. Stop the router, keep the file, and set LEDGER_PATH to a backup or a new file.`)
      }
      const losses = lost === 0 ? "" : ` ${lost} entries were lost since the start.`
      if (state === "degraded") return warning(`Entries cannot be stored: ${message}. ${queued} wait.${losses}`)
      if (unreadable !== undefined) return warning(`What is kept cannot be read: ${unreadable}.${losses}`)
      return lost === 0 ? ok(`Entries are kept in ${ledger.location}.`) : warning(`Entries are kept again.${losses}`)
    }

    const localRules =
      classifier.mode === "hybrid" ? "the embedded classifier's best guess and keyword rules" : "keyword rules"

    const backendCheck = Effect.fnUntraced(function* (
      backend: Backend,
      name: string,
      standIns: string,
      remedy: string
    ): Effect.fn.Return<Check> {
      const { consecutiveFailures, lastError, state } = yield* circuits.view(circuitOf(backend))
      if (state === "closed" && consecutiveFailures === 0) return ok(`${name} is asked to classify.`)
      const error = lastError?.slice(0, longestError) ?? "no reason known"
      return warning(`${name} does not answer (${error}); ${standIns} stand in. ${remedy}`)
    })

    const ollamaCheck = backendCheck(
      "ollama",
      `Ollama (${settings.ollamaRouterModel})`,
      asks("api") ? `ROUTER_API_MODEL, else ${localRules}` : localRules,
      "Start Ollama, pull the model, or set ROUTING_MODE=embedded."
    )

    const apiCheck = backendCheck(
      "api",
      `ROUTER_API_MODEL (${settings.routerApiModel})`,
      localRules,
      "Look whether OpenRouter serves it, set another one, or set ROUTING_MODE=embedded."
    )

    const classifierCheck = Effect.gen(function* () {
      const mode = `Mode ${classifier.mode}.`
      if (!asks("api")) return ok(mode)
      const { message, status } = yield* apiCheck
      return { status, message: `${mode} ${message}` }
    })

    const checks = Effect.gen(function* () {
      const views = yield* circuits.views
      const open = [...views].filter(([key, { state }]) => state === "open" && !isClassifierCircuit(key))
      const configProblem = yield* store.problem
      return {
        openrouter: openrouterCheck(),
        models: goneCheck(),
        ollama: asks("ollama")
          ? yield* ollamaCheck
          : ({ status: "unused", message: `ROUTING_MODE=${classifier.mode} does not ask Ollama.` } as const),
        classifier: yield* classifierCheck,
        config:
          configProblem === undefined
            ? ok("The configuration in force is the one on disk.")
            : warning(
                "The configuration file is gone or not valid; the last valid one is in force. The log says what is wrong, and where."
              ),
        ledger: ledgerCheck(),
        circuits:
          open.length === 0
            ? ok("No circuit is open.")
            : warning(
                `Open: ${open.map(([model]) => model).join(", ")}. They close by themselves, or by POST /circuit-breaker/reset.`
              )
      } satisfies Record<string, Check>
    })

    /** Whether some chain has a model that may be asked now. */
    const anyUsable = Effect.gen(function* () {
      if (!client.configured) return false
      const views = yield* circuits.views
      return [...modelsOf(store.currentUnsafe())].some((model) => views.get(model)?.state !== "open")
    })

    const health = Effect.gen(function* () {
      const found = yield* checks
      const usable = yield* anyUsable
      const sick = Object.values(found).some(({ status }) => status === "warning" || status === "error")
      const view: HealthView = {
        status: usable ? (sick ? "degraded" : "healthy") : "unhealthy",
        service: "llm-router",
        version,
        routing_mode: settings.routingMode,
        ollama_url: settings.ollamaBaseUrl,
        ollama_model: settings.ollamaRouterModel,
        categories: [...store.currentUnsafe().categories.keys()],
        uptime_s: Math.round((now() - startedAtMillis) / 10) / 100,
        checks: found
      }
      return HttpServerResponse.jsonUnsafe(view, { status: usable ? 200 : 503 })
    })

    return handlers
      .handle("health", () => health)
      .handle("live", () => Effect.succeed({ status: "live" }))
      .handle("ready", () =>
        Effect.sync(() =>
          lifecycle.ready()
            ? HttpServerResponse.jsonUnsafe({ status: "ready" })
            : HttpServerResponse.jsonUnsafe({ status: "not ready" }, { status: 503 })
        )
      )
  })
)
