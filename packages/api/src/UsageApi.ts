/** What was used and what it cost, from the ledger's hourly sums (spec 6). */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AdminAccess } from "./Authorization.ts"
import { errorWith } from "./OpenAi.ts"

const counts = {
  /** Requests that ended, and those of them that were answered. */
  requests: Schema.Int,
  requests_ok: Schema.Int,
  attempts: Schema.Int,
  ok: Schema.Int,
  failed: Schema.Int,
  cut: Schema.Int,
  cancelled: Schema.Int,
  /** Cached ones included. */
  input_tokens: Schema.Finite,
  cached_tokens: Schema.Finite,
  /** Reasoning included. */
  output_tokens: Schema.Finite,
  reasoning_tokens: Schema.Finite,
  cost_usd: Schema.Finite,
  /** `cost_usd` to the last digit. */
  cost_usd_exact: Schema.String,
  /** The part of the cost that attempts made which did not end well. */
  wasted_usd: Schema.Finite,
  /** Attempts by where their cost comes from. */
  reported: Schema.Int,
  priced: Schema.Int,
  estimated: Schema.Int,
  unpriced: Schema.Int,
  /**
   * Attempts whose cost the upstream reported and the price table knew: how many, what was reported, what the table
   * makes of the same tokens, and the one divided by the other (null where there is nothing to divide by).
   */
  compared: Schema.Int,
  compared_reported_usd: Schema.Finite,
  compared_computed_usd: Schema.Finite,
  drift_ratio: Schema.NullOr(Schema.Finite)
}

export const UsageView = Schema.Struct({
  from: Schema.NullOr(Schema.String),
  to: Schema.NullOr(Schema.String),
  group_by: Schema.Array(Schema.String),
  totals: Schema.Struct(counts),
  rows: Schema.Array(
    Schema.StructWithRest(Schema.Struct(counts), [
      Schema.Record(Schema.String, Schema.NullOr(Schema.Union([Schema.Finite, Schema.String])))
    ])
  ),
  /** There were more rows than an answer holds; the totals count them all. */
  truncated: Schema.Boolean
}).annotate({ identifier: "Usage" })
export type UsageView = typeof UsageView.Type

const Text = Schema.optionalKey(Schema.String)

export class UsageApi extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("usage", "/usage", {
      query: { from: Text, to: Text, group_by: Text },
      success: [UsageView, Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/csv" }))],
      error: [400, 503].map(errorWith)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "The cost ledger, summed and grouped",
        description:
          "`from` and `to`: ISO 8601 times (or days), widened to whole hours. `group_by`: a comma-separated list of model, category, source, day, hour, key, purpose, error. `Accept: text/csv` gives the rows as CSV."
      })
    )
  )
  .middleware(AdminAccess) {}
