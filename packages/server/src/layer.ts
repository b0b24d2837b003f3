/**
 * The process on one page: settings → upstream (OpenRouter's or the sandbox's) → router → HTTP API → server.
 */
// Not from the package's index, which loads a Redis client of 650 modules.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Api } from "@llm-router/api/Api"
import { routerLayer, type RouterOptions } from "@llm-router/router/layer"
import { Telemetry, type TelemetryService } from "@llm-router/router/telemetry/Telemetry"
import { startSandbox } from "@llm-router/testing/sandbox"
import { ByteSize, Clock, Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpIncomingMessage, HttpMiddleware, HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { announced } from "./banner.ts"
import { Admission, longestWaitMillis } from "./http/Admission.ts"
import { AdminAccessLive, ClientAccessLive } from "./http/authorization.ts"
import { ChatHandlers } from "./http/chat.ts"
import { cutStalledClients } from "./http/clientDeadlines.ts"
import { CompletionsLive } from "./http/completions.ts"
import { ConfigHandlers } from "./http/config.ts"
import { DocsLive } from "./http/docs.ts"
import { DrainingServer, NodeServer } from "./http/DrainingServer.ts"
import { EdgeLive } from "./http/edge.ts"
import { HealthHandlers } from "./http/health.ts"
import { KeyLimits } from "./http/KeyLimits.ts"
import { MetricsHandlers } from "./http/metrics.ts"
import { answerMalformedRequests } from "./http/malformed.ts"
import { UsageHandlers } from "./http/usage.ts"
import { otherBodyBytes } from "./http/request.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { loggingLayer } from "./logging.ts"
import { ServerSettings } from "./ServerSettings.ts"
import type { LoadedSettings, Settings } from "./settings.ts"
import { gauges } from "./telemetry/gauges.ts"
import { measure } from "./telemetry/httpRequests.ts"
import { telemetryLayer } from "./telemetry/layer.ts"
import { version } from "./version.ts"

interface Upstream {
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted | undefined
}

const optionsOf = (settings: Settings, upstream: Upstream): RouterOptions => ({
  upstream: {
    ...upstream,
    referer: settings.openrouterReferer,
    title: settings.openrouterTitle,
    connectTimeoutMillis: settings.upstreamConnectTimeoutMillis,
    maxConnections: settings.upstreamMaxConnections,
    tracePropagation: settings.tracePropagateUpstream
  },
  router: {
    firstTokenTimeoutMillis: settings.upstreamFirstTokenTimeoutMillis,
    idleTimeoutMillis: settings.upstreamIdleTimeoutMillis,
    keepAliveMillis: settings.streamKeepaliveMillis,
    requestTimeoutMillis: settings.requestTimeoutMillis,
    retriesPerModel: settings.retriesPerModel
  },
  decisions: {
    toolsRouting: settings.toolsRouting,
    defaultCategory: settings.defaultCategory,
    defaultModel: settings.defaultModel
  },
  classifier: { mode: settings.routingMode, embeddedThreshold: settings.embeddedThreshold },
  ollama: {
    baseUrl: settings.ollamaBaseUrl,
    model: settings.ollamaRouterModel,
    timeoutMillis: settings.ollamaTimeoutMillis
  },
  api: {
    enabled: !settings.routerSandbox,
    model: settings.routerApiModel,
    timeoutMillis: settings.routerApiTimeoutMillis
  },
  config: {
    path: settings.routerConfigPath,
    defaultModel: settings.defaultModel,
    circuit: { failureThreshold: settings.circuitFailureThreshold, openMillis: settings.circuitOpenMillis }
  },
  ledger: {
    // What the sandbox simulates does not belong among what was paid.
    path: settings.routerSandbox ? ":memory:" : settings.ledgerPath,
    retentionDays: settings.ledgerRetentionDays,
    queueEntries: settings.ledgerQueueEntries
  },
  settlements: !settings.routerSandbox,
  // Simulated models have simulated prices.
  modelListPath: settings.routerSandbox ? undefined : settings.modelListPath
})

/** The sandbox stands where OpenRouter would, and any key opens it. */
const upstreamOf = Effect.fnUntraced(function* (settings: Settings) {
  if (!settings.routerSandbox) return { baseUrl: settings.openrouterBaseUrl, apiKey: settings.openrouterApiKey }
  const { url } = yield* startSandbox
  return { baseUrl: url, apiKey: Redacted.make("sandbox") }
})

const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
    Layer.provide(Layer.mergeAll(ChatHandlers, ConfigHandlers, MetricsHandlers, UsageHandlers, HealthHandlers)),
    Layer.provide(Layer.mergeAll(ClientAccessLive, AdminAccessLive))
  ),
  DocsLive,
  EdgeLive
)

const longestHeadMillis = 30_000

/** Request heads within 30 s, whole requests in time; then the answer, for as long as its reader reads. */
const nodeServerOf = (settings: Settings, telemetry: TelemetryService): DrainingServer => {
  const server = new DrainingServer({
    // Nothing is upgraded here: such a request is answered like any other, and not by the framework past the edge.
    shouldUpgradeCallback: () => false,
    headersTimeout: Math.min(longestHeadMillis, settings.clientSendTimeoutMillis),
    requestTimeout: settings.clientSendTimeoutMillis,
    keepAliveTimeout: 65_000,
    stallMillis: settings.clientStallTimeoutMillis,
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(settings.clientSendTimeoutMillis / 4)),
    maxHeaderSize: 16_384,
    // Node's own refusal has no envelope; the edge refuses instead.
    requireHostHeader: false,
    // A peer that is gone without a word is noticed in minutes, not in hours.
    keepAlive: true,
    keepAliveInitialDelay: 60_000
  })
  server.maxConnections = settings.maxConnections
  // Before whoever ends the process: the ledger is flushed once nothing is under way.
  const crashed = () => server.dropConnections()
  process.once("uncaughtExceptionMonitor", crashed)
  server.once("close", () => process.off("uncaughtExceptionMonitor", crashed))
  cutStalledClients(server, {
    // Reading the request, waiting for a place, and the answer.
    responseMillis:
      settings.clientSendTimeoutMillis +
      longestWaitMillis +
      settings.requestTimeoutMillis +
      settings.clientStallTimeoutMillis
  })
  answerMalformedRequests(server, { sandbox: settings.routerSandbox })
  measure(server, telemetry)
  return server
}

/** Ready once all below is up; not ready before any of it stops. */
const readiness = Layer.effectDiscard(
  Effect.flatMap(Lifecycle, (lifecycle) =>
    Effect.acquireRelease(
      Effect.sync(() => lifecycle.setReady(true)),
      () =>
        Effect.andThen(
          Effect.sync(() => lifecycle.setReady(false)),
          Effect.logInfo("Stopping: nothing new is accepted, what is under way finishes.")
        )
    )
  )
)

export const serverLayer = (loaded: LoadedSettings) => {
  const { misspelt, settings, sources } = loaded
  const server = Layer.unwrap(
    Effect.map(NodeServer, (nodeServer) =>
      NodeHttpServer.layer(() => nodeServer, {
        port: settings.port,
        host: settings.host,
        reusePort: settings.reusePort,
        gracefulShutdownTimeout: settings.shutdownGraceMillis
      })
    )
  ).pipe(
    Layer.provideMerge(
      Layer.effect(
        NodeServer,
        Effect.map(Telemetry, (telemetry) => nodeServerOf(settings, telemetry))
      )
    )
  )
  const about = Layer.effect(
    ServerSettings,
    Effect.map(Clock.currentTimeMillis, (startedAtMillis) =>
      ServerSettings.of({
        settings,
        sources,
        misspelt,
        sandbox: settings.routerSandbox,
        maxBodyBytes: settings.routerMaxBodyBytes,
        keepAliveMillis: settings.streamKeepaliveMillis,
        version,
        startedAtMillis
      })
    )
  )
  const router = Layer.unwrap(
    Effect.map(upstreamOf(settings), (upstream) => routerLayer(optionsOf(settings, upstream)))
  )
  const bounds = Layer.mergeAll(
    Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(otherBodyBytes(settings.routerMaxBodyBytes))),
    // Spans are made by hand; the framework's would double the cost of a request.
    Layer.succeed(HttpMiddleware.TracerDisabledWhen, () => true),
    // Nor the client's, which would send headers of its own (b3 too) to everyone.
    Layer.succeed(HttpClient.TracerDisabledWhen, () => true)
  )
  return Layer.mergeAll(announced, readiness, gauges).pipe(
    Layer.provideMerge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
    // What is under way is interrupted after the grace time, before the server waits for its last connection.
    Layer.provideMerge(CompletionsLive),
    Layer.provideMerge(server),
    Layer.provideMerge(Layer.mergeAll(Admission.layer, KeyLimits.layer)),
    Layer.provideMerge(router),
    Layer.provideMerge(Layer.mergeAll(about, Lifecycle.layer, NodeHttpClient.layerUndici)),
    // At the bottom, so that it ends last: what ends before still has something to tell.
    Layer.provideMerge(telemetryLayer(settings)),
    Layer.provide(bounds),
    Layer.provide(loggingLayer(settings))
  )
}
