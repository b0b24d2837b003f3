/** What operators call: categories, chains and circuits. */
import {
  CategoryName,
  Description,
  Examples,
  Keywords,
  Models,
  mostCategories,
  mostExampleCharacters
} from "@llm-router/domain/Category"
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AdminAccess } from "./Authorization.ts"
import { errorWith } from "./OpenAi.ts"

const Ok = Schema.Literal("ok")
const CategoryView = Schema.Struct({
  models: Schema.Array(Schema.String),
  keywords: Schema.Array(Schema.String),
  description: Schema.String,
  examples: Schema.Array(Schema.String),
  builtin: Schema.Boolean
})

/** A change that says of which state it is the change; another one since then is a 412. */
const conditional = {
  "if-match": Schema.optionalKey(
    Schema.String.annotate({ description: "ETags of GET /config or of a change, or `*`: 412 if none is in force" })
  )
}

/** The version of the configuration that an answer tells of. */
const withEtag = <S extends Schema.Top>(body: S) =>
  HttpApiSchema.WithHeaders(body, { etag: Schema.String.annotate({ description: "Goes into If-Match" }) })

const CategoryInput = Schema.Struct({
  name: CategoryName,
  models: Schema.optionalKey(Models),
  keywords: Schema.optionalKey(Keywords),
  description: Schema.optionalKey(Description),
  /** Requests that belong to the category: at most 50, of 1 to 2,000 characters each. An empty list takes them away. */
  examples: Schema.optionalKey(Examples),
  /** What GET /config tells may come back with the rest; it changes nothing. */
  builtin: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "CategoryInput" })

const CategoryStored = Schema.Struct({
  status: Ok,
  category: Schema.String,
  ...CategoryView.fields
}).annotate({ identifier: "CategoryStored" })

export const ConfigView = Schema.Struct({
  version: Schema.Int,
  routing_mode: Schema.String,
  ollama: Schema.Struct({ base_url: Schema.String, model: Schema.String }),
  api: Schema.Struct({ model: Schema.String }),
  model_mappings: Schema.Record(Schema.String, Schema.Array(Schema.String)),
  keywords: Schema.Record(Schema.String, Schema.Array(Schema.String)),
  custom_categories: Schema.Record(
    Schema.String,
    Schema.Struct({
      description: Schema.String,
      models: Schema.Array(Schema.String),
      keywords: Schema.Array(Schema.String)
    })
  ),
  /** USD per 1M tokens. */
  model_costs: Schema.Record(Schema.String, Schema.Struct({ input: Schema.Finite, output: Schema.Finite })),
  categories: Schema.Record(Schema.String, CategoryView),
  circuit_breaker: Schema.Struct({ failure_threshold: Schema.Int, open_ms: Schema.Int }),
  settings: Schema.Record(
    Schema.String,
    Schema.Struct({
      value: Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null]),
      source: Schema.String
    })
  )
}).annotate({ identifier: "Config" })
export type ConfigView = typeof ConfigView.Type

const refusals = [400, 409, 412, 413, 415, 503].map(errorWith)
const circuit = {
  params: { "*": Schema.optionalKey(Schema.String) },
  success: Schema.Struct({
    status: Ok,
    /** The model, or `*` for all. */
    model: Schema.String,
    state: Schema.Literals(["closed", "open", "half_open"]),
    was: Schema.optionalKey(Schema.Literals(["closed", "open", "half_open"])),
    /** The models whose circuits were reset, when all were. */
    reset: Schema.optionalKey(Schema.Array(Schema.String))
  }),
  error: errorWith(404)
} as const

/** The router's wildcard, which takes ids with a slash, as OpenAPI writes a parameter. */
const named = (name: string) => (operation: Record<string, unknown>) => ({
  ...operation,
  description: `${name}: \`{model}\` is a model id; its slash may be raw or percent-encoded.`
})

export class ConfigApi extends HttpApiGroup.make("config")
  .add(
    HttpApiEndpoint.get("read", "/config", { success: withEtag(ConfigView) }).annotateMerge(
      OpenApi.annotations({ summary: "The configuration in force, without secrets; its ETag goes into If-Match" })
    ),
    HttpApiEndpoint.post("setCategory", "/config/category", {
      headers: conditional,
      payload: CategoryInput,
      success: [withEtag(CategoryStored), withEtag(CategoryStored.pipe(HttpApiSchema.status(201)))],
      error: refusals
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Add (201) or change (200) a category",
        description:
          "A new category needs `models`. A change keeps what it leaves out as it is stored. There may be " +
          `${mostCategories} categories beside the built-in ones, with ${mostExampleCharacters} characters of examples in all.`
      })
    ),
    HttpApiEndpoint.post("setModels", "/config/model-mapping", {
      headers: conditional,
      payload: Schema.Struct({ category: Schema.String, models: Models }),
      success: withEtag(Schema.Struct({ status: Ok, category: Schema.String, models: Schema.Array(Schema.String) })),
      error: [...refusals, errorWith(404)]
    }).annotateMerge(OpenApi.annotations({ summary: "Change the chain of a category" })),
    HttpApiEndpoint.delete("deleteCategory", "/config/category/:name", {
      headers: conditional,
      params: { name: Schema.String },
      success: withEtag(Schema.Struct({ status: Ok, deleted: Schema.String })),
      error: [404, 409, 412, 503].map(errorWith)
    }).annotateMerge(OpenApi.annotations({ summary: "Delete a custom category" })),
    HttpApiEndpoint.post("resetCircuit", "/circuit-breaker/reset/*", circuit).annotateMerge(
      OpenApi.annotations({ summary: "Close the circuit of a model", transform: named("After an incident or a drill") })
    ),
    HttpApiEndpoint.post("resetAllCircuits", "/circuit-breaker/reset-all", { success: circuit.success }).annotateMerge(
      OpenApi.annotations({ summary: "Close all circuits" })
    ),
    HttpApiEndpoint.post("openCircuit", "/circuit-breaker/open/*", circuit).annotateMerge(
      OpenApi.annotations({
        summary: "Hold the circuit of a model open until it is reset",
        transform: named("For a drill or an incident")
      })
    )
  )
  .middleware(AdminAccess)
  // A misspelt field would be a change that was acknowledged and not made. Effect reads options from here, not from a
  // schema's annotations.
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .annotateMerge(OpenApi.annotations({ title: "Configuration", description: "For operators" })) {}
