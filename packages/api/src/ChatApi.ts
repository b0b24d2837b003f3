/** What clients call: chat completions, their dry run, and the list of models. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ClientAccess } from "./Authorization.ts"
import { ChatCompletion, ChatCompletionRequest, errorWith, Model, ModelList } from "./OpenAi.ts"

const completion = {
  payload: ChatCompletionRequest,
  success: [ChatCompletion, HttpApiSchema.StreamUint8Array({ contentType: "text/event-stream" })],
  error: [400, 404, 413, 415, 422, 429, 502, 503, 504].map(errorWith)
} as const

/** The router's wildcard takes the path before it too: an id in one piece is all `provider`. */
const model = {
  params: { provider: Schema.String, "*": Schema.optionalKey(Schema.String) },
  success: Model,
  error: errorWith(404)
} as const

const PlannedModel = Schema.Struct({
  model: Schema.String,
  action: Schema.Literals(["try", "skip"]),
  reason: Schema.optionalKey(Schema.String)
})

/** The decision and the plan of a request that is not sent. */
export const RoutePlan = Schema.Struct({
  object: Schema.Literal("router.plan"),
  request_id: Schema.String,
  category: Schema.String,
  source: Schema.Literals(["model", "tools", "keywords", "embedded", "ollama", "api", "default"]),
  confidence: Schema.Finite,
  models: Schema.Array(Schema.String),
  reasons: Schema.Array(Schema.String),
  classifier_latency_ms: Schema.Finite,
  evidence: Schema.Struct({
    /** What told the category; null where neither words nor examples did. */
    decided_by: Schema.NullOr(Schema.Literals(["archetype", "keywords", "examples"])),
    keywords: Schema.Array(Schema.Struct({ category: Schema.String, keyword: Schema.String, position: Schema.Int })),
    /** The kind of request that the embedded classifier saw; null where it was not asked. */
    archetype: Schema.NullOr(Schema.String),
    candidates: Schema.Array(Schema.Struct({ category: Schema.String, probability: Schema.Finite }))
  }),
  plan: Schema.Array(PlannedModel),
  /** For the models that would be tried: the cheapest and the dearest; null where no price is known. */
  expected_cost_usd: Schema.NullOr(Schema.Struct({ min: Schema.Finite, max: Schema.Finite }))
}).annotate({ identifier: "RoutePlan" })
export type RoutePlan = typeof RoutePlan.Type

export class ChatApi extends HttpApiGroup.make("chat")
  .add(
    HttpApiEndpoint.post("completions", "/v1/chat/completions", completion).annotateMerge(
      OpenApi.annotations({
        summary: "Chat completion",
        description: "Routes the request to the models of its category and answers with the first that works."
      })
    ),
    HttpApiEndpoint.post("completionsAlias", "/chat/completions", completion).annotateMerge(
      OpenApi.annotations({ summary: "Chat completion, for clients configured without /v1" })
    ),
    HttpApiEndpoint.post("route", "/v1/route", {
      payload: ChatCompletionRequest,
      success: RoutePlan,
      error: [400, 404, 413, 415].map(errorWith)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Dry run: the decision for a request and why; no model is called" })
    ),
    HttpApiEndpoint.get("models", "/v1/models", { success: ModelList }),
    HttpApiEndpoint.get("modelsAlias", "/models", { success: ModelList }),
    HttpApiEndpoint.get("model", "/v1/models/:provider/*", model).annotateMerge(
      OpenApi.annotations({
        summary: "One model of the list",
        description: "An id without a slash, such as `router`, or with a percent-encoded one stands alone."
      })
    ),
    HttpApiEndpoint.get("modelAlias", "/models/:provider/*", model)
  )
  .middleware(ClientAccess)
  .annotateMerge(OpenApi.annotations({ title: "Chat", description: "OpenAI-compatible endpoints" })) {}
