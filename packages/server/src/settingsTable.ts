/**
 * Every setting of the product, once. Parsing, types, `--help`, `.env.example` and `GET /config` all come from here.
 *
 * To add a setting, add an entry to `settingsTable`: its key is its name in camel case, with `MS` written `Millis`.
 */
import {
  baseUrl,
  boolean,
  categoryName,
  clientKeys,
  filePath,
  fraction,
  headerText,
  host,
  integer,
  keyedLimit,
  modelId,
  ollamaModel,
  oneOf,
  secret,
  secretOrHash
} from "./settingKinds.ts"
import { optional, setting } from "./setting.ts"
import { telemetrySettings } from "./telemetry/settings.ts"

const hour = 3_600_000
const day = 24 * hour

export const settingsTable = {
  openrouterApiKey: optional("OPENROUTER_API_KEY", secret, "Key for OpenRouter; without it no model is called"),
  openrouterBaseUrl: setting(
    "OPENROUTER_BASE_URL",
    baseUrl,
    "https://openrouter.ai/api/v1",
    "Where OpenRouter's API is"
  ),
  openrouterReferer: setting(
    "OPENROUTER_REFERER",
    headerText,
    "http://localhost:3456",
    "HTTP-Referer by which OpenRouter knows this router"
  ),
  openrouterTitle: setting(
    "OPENROUTER_TITLE",
    headerText,
    "LLM Router",
    "X-Title by which OpenRouter knows this router"
  ),
  routingMode: setting(
    "ROUTING_MODE",
    oneOf("keywords", "embedded", "ollama", "api", "hybrid"),
    "hybrid",
    "How a request is classified"
  ),
  embeddedThreshold: setting(
    "EMBEDDED_THRESHOLD",
    fraction,
    0.55,
    "Probability from which the embedded classifier is sure and hybrid asks no language model"
  ),
  defaultCategory: setting("DEFAULT_CATEGORY", categoryName, "conversation", "Category when nothing was sure"),
  defaultModel: setting("DEFAULT_MODEL", modelId, "z-ai/glm-5", "Model of a category that has no chain"),
  toolsRouting: setting(
    "TOOLS_ROUTING",
    oneOf("auto", "always"),
    "auto",
    "Which requests that carry tools go to the category tools: auto exempts agents that attach them to every turn"
  ),
  ollamaBaseUrl: setting("OLLAMA_BASE_URL", baseUrl, "http://127.0.0.1:11434", "Where Ollama is"),
  ollamaRouterModel: setting("OLLAMA_ROUTER_MODEL", ollamaModel, "qwen2.5:0.5b", "Ollama model that classifies"),
  ollamaTimeoutMillis: setting("OLLAMA_TIMEOUT_MS", integer(1, 60_000), 1500, "Time that Ollama has to classify"),
  routerApiModel: setting("ROUTER_API_MODEL", modelId, "qwen/qwen3-1.7b", "OpenRouter model that classifies"),
  routerApiTimeoutMillis: setting(
    "ROUTER_API_TIMEOUT_MS",
    integer(1, 60_000),
    5000,
    "Time that ROUTER_API_MODEL has to classify"
  ),
  host: setting("HOST", host, "127.0.0.1", "Address to listen on; one that others can reach wants ROUTER_API_KEYS", {
    commandLine: { flag: "--host", placeholder: "H" }
  }),
  port: setting("PORT", integer(0, 65_535), 3456, "Port to listen on; 0 takes any free one", {
    commandLine: { flag: "--port", placeholder: "N" }
  }),
  reusePort: setting(
    "REUSE_PORT",
    boolean,
    false,
    "Share the port with routers of this machine that say so too: to use more cores"
  ),
  routerApiKeys: setting(
    "ROUTER_API_KEYS",
    clientKeys,
    [],
    "Keys that clients must send, or their hashes (pnpm router keys hash ID); without any, no key is asked"
  ),
  routerAdminKey: optional(
    "ROUTER_ADMIN_KEY",
    secretOrHash,
    "Key for the admin endpoints, or its hash (sha256:<hash>); without it they answer this machine only"
  ),
  rateLimitRequestsPerMinute: optional(
    "RATE_LIMIT_REQUESTS_PER_MINUTE",
    keyedLimit("requests from 1 to 1000000", (value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000),
    "Chat requests that one client key may make per minute; more are answered 429 with Retry-After"
  ),
  budgetUsdPerDay: optional(
    "BUDGET_USD_PER_DAY",
    keyedLimit("USD from 0 to 1000000", (value) => value <= 1_000_000),
    "What one client key may spend per day (UTC); a request that may go over it is answered 429 with Retry-After"
  ),
  routerAllowAnonymous: setting("ROUTER_ALLOW_ANONYMOUS", boolean, false, "Serve other machines without keys"),
  routerSandbox: setting(
    "ROUTER_SANDBOX",
    boolean,
    false,
    "Answer from simulated models, at no cost; the ledger is in memory, whatever LEDGER_PATH says",
    {
      commandLine: { flag: "--sandbox" }
    }
  ),
  routerConfigPath: setting(
    "ROUTER_CONFIG_PATH",
    filePath,
    "./router_config.json",
    "File that keeps categories, chains and breaker settings",
    { aliases: ["ROUTER_CONFIG_FILE"] }
  ),
  routerMaxBodyBytes: setting(
    "ROUTER_MAX_BODY_BYTES",
    integer(1, 1_073_741_824),
    20_971_520,
    "Largest request body; a larger one is answered 413"
  ),
  maxConnections: setting(
    "MAX_CONNECTIONS",
    integer(1, 1_000_000),
    20_000,
    "Connections of clients at most; more are closed at once"
  ),
  maxConcurrentRequests: setting(
    "MAX_CONCURRENT_REQUESTS",
    integer(1, 1_000_000),
    2_000,
    "Chat requests that are worked on at once; more wait"
  ),
  maxQueuedRequests: setting(
    "MAX_QUEUED_REQUESTS",
    integer(0, 1_000_000),
    1_000,
    "Chat requests that wait for their turn; more are answered 503 with Retry-After"
  ),
  clientSendTimeoutMillis: setting(
    "CLIENT_SEND_TIMEOUT_MS",
    integer(1, hour),
    120_000,
    "Time that a client has to send a whole request; a slower one is answered 408"
  ),
  clientStallTimeoutMillis: setting(
    "CLIENT_STALL_TIMEOUT_MS",
    integer(1, hour),
    60_000,
    "Time that a client may take no byte of an answer that is there; then its connection is closed"
  ),
  upstreamConnectTimeoutMillis: setting(
    "UPSTREAM_CONNECT_TIMEOUT_MS",
    integer(1, hour),
    5000,
    "Time to connect to OpenRouter"
  ),
  upstreamFirstTokenTimeoutMillis: setting(
    "UPSTREAM_FIRST_TOKEN_TIMEOUT_MS",
    integer(1, hour),
    30_000,
    "Time that a model has for its first token"
  ),
  upstreamIdleTimeoutMillis: setting(
    "UPSTREAM_IDLE_TIMEOUT_MS",
    integer(1, hour),
    60_000,
    "Longest silence of a model within its answer"
  ),
  requestTimeoutMillis: setting("REQUEST_TIMEOUT_MS", integer(1, day), 600_000, "Time for a whole request"),
  streamKeepaliveMillis: setting(
    "STREAM_KEEPALIVE_MS",
    integer(1, hour),
    10_000,
    "Silence after which a stream gets a sign of life"
  ),
  retriesPerModel: setting("RETRIES_PER_MODEL", integer(0, 3), 1, "Retries of one model before the next is tried"),
  upstreamMaxConnections: setting(
    "UPSTREAM_MAX_CONNECTIONS",
    integer(1, 65_535),
    256,
    "Connections to OpenRouter at most; more requests wait"
  ),
  circuitFailureThreshold: optional(
    "CIRCUIT_FAILURE_THRESHOLD",
    integer(1, 1000),
    "Consecutive failures that open a model's circuit; when unset, the configuration file's value, else 3"
  ),
  circuitOpenMillis: optional(
    "CIRCUIT_OPEN_MS",
    integer(1, day),
    "Time a circuit stays open; when unset, the configuration file's value, else 300000"
  ),
  ledgerPath: setting(
    "LEDGER_PATH",
    filePath,
    "./data/ledger.sqlite",
    "SQLite file, on a local disk, that keeps what every attempt cost; :memory: keeps it until the end of the process"
  ),
  ledgerRetentionDays: setting(
    "LEDGER_RETENTION_DAYS",
    integer(1, 36_500),
    90,
    "Days that the ledger keeps single entries; their sums by hour stay"
  ),
  ledgerQueueEntries: setting(
    "LEDGER_QUEUE_ENTRIES",
    integer(1, 10_000_000),
    100_000,
    "Ledger entries that wait while the disk is full or broken; more are counted as lost"
  ),
  modelListPath: setting(
    "MODEL_LIST_PATH",
    filePath,
    "./data/models.json",
    "File that keeps OpenRouter's model list, so that a start without network knows prices and contexts"
  ),
  shutdownGraceMillis: setting(
    "SHUTDOWN_GRACE_MS",
    integer(0, hour),
    30_000,
    "Time that requests under way have to finish on SIGTERM"
  ),
  logLevel: setting(
    "LOG_LEVEL",
    oneOf("trace", "debug", "info", "warn", "error", "none"),
    "info",
    "Least severe log lines to write"
  ),
  logFormat: setting(
    "LOG_FORMAT",
    oneOf("auto", "json", "pretty"),
    "auto",
    "Form of the log lines; auto is pretty on a terminal and json elsewhere"
  ),
  tracePropagateUpstream: setting(
    "TRACE_PROPAGATE_UPSTREAM",
    boolean,
    false,
    "Send trace headers to OpenRouter as well"
  ),
  ...telemetrySettings
}
