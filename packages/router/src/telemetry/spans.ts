/**
 * The names of spans, of their attributes and of their events. A chat request has three kinds of spans: the server's
 * (`POST /v1/chat/completions`, to the end of the stream), `classify`, and `chat {model}` for each attempt.
 */

export const spanNames = {
  server: (method: string, route: string) => `${method} ${route}`,
  classify: "classify",
  attempt: (model: string) => `chat ${model}`
} as const

/** Attributes by the convention that has them; ours under `llm_router.`. */
export const attributes = {
  // semantic-conventions 1.45, http: stable.
  method: "http.request.method",
  route: "http.route",
  status: "http.response.status_code",
  scheme: "url.scheme",
  path: "url.path",
  serverAddress: "server.address",
  serverPort: "server.port",
  errorType: "error.type",
  // semantic-conventions-genai, inference spans: development.
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  responseModel: "gen_ai.response.model",
  responseId: "gen_ai.response.id",
  firstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  // Its draft for cost (pull request 443): `source` is `provider` or `local`.
  costAmount: "gen_ai.usage.cost.amount",
  costCurrency: "gen_ai.usage.cost.currency",
  costSource: "gen_ai.usage.cost.source",
  // Opt-in: TELEMETRY_CAPTURE_CONTENT.
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  // Ours.
  requestId: "llm_router.request.id",
  requestedModel: "llm_router.requested_model",
  category: "llm_router.category",
  source: "llm_router.source",
  confidence: "llm_router.confidence",
  model: "llm_router.model",
  attempts: "llm_router.attempts",
  fallback: "llm_router.fallback",
  outcome: "llm_router.outcome",
  attempt: "llm_router.attempt.number",
  role: "llm_router.attempt.role",
  attemptOutcome: "llm_router.attempt.outcome",
  fallbackModel: "llm_router.fallback.model",
  fallbackReason: "llm_router.fallback.reason",
  breakerFrom: "llm_router.breaker.from",
  breakerTo: "llm_router.breaker.to"
} as const

/** Events: on the server span a fallback and a circuit's transition, on an attempt's span its first token. */
export const events = {
  fallback: "llm_router.fallback",
  breakerTransition: "llm_router.breaker.transition",
  firstToken: "llm_router.first_token"
} as const
