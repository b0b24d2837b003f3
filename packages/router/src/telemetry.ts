/**
 * The name of every metric, label, span, attribute and event that the router makes, with its source. Instruments,
 * exports, the texts of `/metrics`, dashboards and alerts are made from this page alone.
 *
 * Sources: `semconv` is OpenTelemetry's stable or development conventions (semantic-conventions 1.45), `gen_ai` those of
 * `semantic-conventions-genai` (development; `gen_ai.usage.cost.*` is its draft, pull request 443), `process` and
 * `nodejs` are runtime conventions of semconv; what no convention knows is ours, under `llm_router.`.
 */

/** Values of a label that are known only when the router runs: of the configuration, of the API, or of HTTP. */
type OpenValues = "models" | "categories" | "routes" | "statuses"

/**
 * Every label with the values it may have. Models and categories are those of the configuration, any other is
 * `otherValue`; a label whose value is empty is left out. No label is a key, a user, a raw path or a text.
 */
export const labelValues = {
  "http.request.method": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "_OTHER"],
  "http.route": "routes",
  "http.response.status_code": "statuses",
  "url.scheme": ["http"],
  "gen_ai.operation.name": ["chat"],
  "gen_ai.provider.name": ["openrouter", "ollama"],
  "gen_ai.request.model": "models",
  "gen_ai.token.type": ["input", "output"],
  /** Of an upstream attempt: the reason of its `ModelError`. */
  "error.type": [
    "",
    "rate_limited",
    "unavailable",
    "timeout",
    "context_too_long",
    "not_served",
    "unauthenticated",
    "credits_exhausted",
    "invalid_output",
    "rejected",
    "cut_off"
  ],
  "llm_router.category": "categories",
  "llm_router.source": ["model", "tools", "keywords", "embedded", "ollama", "api", "default"],
  "llm_router.outcome": ["success", "failed", "cancelled"],
  "llm_router.attempt.role": ["primary", "retry", "fallback"],
  "llm_router.attempt.outcome": ["ok", "failed", "cut", "cancelled"],
  /** Why the chain went on behind a model: its failure, or its circuit, which let nothing pass. */
  "llm_router.fallback.reason": [
    "rate_limited",
    "unavailable",
    "timeout",
    "context_too_long",
    "not_served",
    "invalid_output",
    "circuit_open"
  ],
  "llm_router.breaker.to": ["closed", "half_open", "open"],
  "llm_router.cost.source": ["reported", "priced", "estimated"],
  "llm_router.telemetry.signal": ["traces", "metrics"],
  "cpu.mode": ["user", "system"]
} as const satisfies Readonly<Record<string, OpenValues | ReadonlyArray<string>>>

export type Label = keyof typeof labelValues

/** Stands for a value that is none of the label's own. */
export const otherValue = "_other"

export type MetricKind = "counter" | "updowncounter" | "gauge" | "histogram"

export interface MetricDefinition {
  readonly name: string
  readonly kind: MetricKind
  /** UCUM; annotations such as `{request}` count things. */
  readonly unit: string
  readonly description: string
  readonly labels: ReadonlyArray<Label>
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly boundaries: ReadonlyArray<number>
  readonly source: "semconv" | "gen_ai" | "llm_router"
}

/** `http.server.request.duration`'s own, with minutes behind them: models take their time. */
const httpSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600]
/** `gen_ai.client.operation.duration`'s own, three more doublings: a request may take ten minutes. */
const modelSeconds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36
]
const tokenCounts = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]
const shortSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const shares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

const metric = <Kind extends MetricKind, const Labels extends ReadonlyArray<Label>>(
  name: string,
  kind: Kind,
  unit: string,
  labels: Labels,
  description: string,
  boundaries: ReadonlyArray<number> = []
) =>
  ({
    name,
    kind,
    unit,
    labels,
    description,
    boundaries,
    source: name.startsWith("llm_router.") ? "llm_router" : name.startsWith("gen_ai.") ? "gen_ai" : "semconv"
  }) satisfies MetricDefinition & { readonly kind: Kind }

const model = "gen_ai.request.model"
const category = "llm_router.category"
const call = ["gen_ai.operation.name", "gen_ai.provider.name", model] as const

export const metrics = {
  httpDuration: metric(
    "http.server.request.duration",
    "histogram",
    "s",
    ["http.request.method", "http.route", "http.response.status_code", "url.scheme"],
    "Duration of HTTP requests, whole streams included.",
    httpSeconds
  ),
  httpActive: metric(
    "http.server.active_requests",
    "updowncounter",
    "{request}",
    ["http.request.method", "http.route", "url.scheme"],
    "HTTP requests under way."
  ),
  callDuration: metric(
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    [...call, "error.type"],
    "Duration of calls to a model, each attempt by itself.",
    modelSeconds
  ),
  firstChunk: metric(
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "s",
    call,
    "Time from a streamed call to its first token.",
    modelSeconds
  ),
  tokens: metric(
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    [...call, "gen_ai.token.type"],
    "Tokens of a call: input includes cached ones, output includes reasoning.",
    tokenCounts
  ),
  requests: metric(
    "llm_router.requests",
    "counter",
    "{request}",
    [category, model, "llm_router.outcome"],
    "Chat requests by category, the model that answered (or was asked last) and what became of them."
  ),
  rescued: metric(
    "llm_router.requests.rescued",
    "counter",
    "{request}",
    [category],
    "Chat requests whose first model failed or was not to be asked, and that got an answer all the same."
  ),
  decisions: metric(
    "llm_router.decisions",
    "counter",
    "{decision}",
    [category, "llm_router.source"],
    "Decisions by category and by the rule or classifier that made them."
  ),
  confidence: metric(
    "llm_router.decision.confidence",
    "histogram",
    "1",
    ["llm_router.source"],
    "How sure decisions were, 0 to 1.",
    shares
  ),
  classifyDuration: metric(
    "llm_router.classify.duration",
    "histogram",
    "s",
    ["llm_router.source"],
    "Time that classifying took, by the classifier whose answer won.",
    shortSeconds
  ),
  attempts: metric(
    "llm_router.attempts",
    "counter",
    "{attempt}",
    [model, "llm_router.attempt.role", "llm_router.attempt.outcome"],
    "Attempts at models, by their place in the request and their end."
  ),
  fallbacks: metric(
    "llm_router.fallbacks",
    "counter",
    "{fallback}",
    [model, "llm_router.fallback.reason"],
    "Times that a chain went on to its next model, by the model left behind and why."
  ),
  breakerState: metric(
    "llm_router.breaker.state",
    "gauge",
    "{state}",
    [model],
    "Circuit of a model: 0 closed, 1 half-open, 2 open."
  ),
  breakerTransitions: metric(
    "llm_router.breaker.transitions",
    "counter",
    "{transition}",
    [model, "llm_router.breaker.to"],
    "Circuits that opened, half-opened or closed."
  ),
  overhead: metric(
    "llm_router.overhead.duration",
    "histogram",
    "s",
    [],
    "Time from a request's arrival to its answer (its first token, when streamed) that no model was waited for.",
    shortSeconds
  ),
  cost: metric(
    "llm_router.cost",
    "counter",
    "{USD}",
    [model, category, "llm_router.cost.source"],
    "What calls to models cost, in USD, classification included."
  ),
  costMissing: metric(
    "llm_router.cost.missing",
    "counter",
    "{request}",
    [model],
    "Unpriced requests: answers whose cost is unknown, and which are not free."
  ),
  costDrift: metric(
    "llm_router.cost.drift",
    "gauge",
    "1",
    [model],
    "Reported cost over the price table's for the same tokens, minus 1, since the process started."
  ),
  ledgerQueue: metric("llm_router.ledger.queue", "gauge", "{entry}", [], "Ledger entries that wait for the disk."),
  ledgerCommit: metric(
    "llm_router.ledger.commit.duration",
    "histogram",
    "s",
    [],
    "Time that the ledger took to commit a batch.",
    shortSeconds
  ),
  ledgerFailures: metric(
    "llm_router.ledger.write.failures",
    "counter",
    "{failure}",
    [],
    "Writes to the ledger that failed."
  ),
  ledgerLost: metric(
    "llm_router.ledger.entries.lost",
    "counter",
    "{entry}",
    [],
    "Ledger entries that will never be stored."
  ),
  telemetryDropped: metric(
    "llm_router.telemetry.dropped",
    "counter",
    "{item}",
    ["llm_router.telemetry.signal"],
    "Spans and metric exports that were lost: the queue was full, or the collector did not take them."
  ),
  eventLoopP50: metric("nodejs.eventloop.delay.p50", "gauge", "s", [], "Event loop delay, median of recent seconds."),
  eventLoopP99: metric("nodejs.eventloop.delay.p99", "gauge", "s", [], "Event loop delay, p99 of recent seconds."),
  eventLoopMax: metric("nodejs.eventloop.delay.max", "gauge", "s", [], "Event loop delay, highest of recent seconds."),
  cpuTime: metric("process.cpu.time", "counter", "s", ["cpu.mode"], "CPU time of the process."),
  memory: metric("process.memory.usage", "updowncounter", "By", [], "Memory of the process (resident set)."),
  startTime: metric("process.start.time", "gauge", "s", [], "When the process started, in seconds of Unix time."),
  uptime: metric("process.uptime", "gauge", "s", [], "Time since the process started.")
} as const
