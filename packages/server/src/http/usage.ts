/** `/usage`: the ledger's sums, as JSON or as CSV. */
import { Api } from "@llm-router/api/Api"
import type { UsageView } from "@llm-router/api/UsageApi"
import { decimalOf, dollarsOf } from "@llm-router/domain/Money"
import { InvalidRequest } from "@llm-router/domain/RouterError"
import { CostLedger } from "@llm-router/router/CostLedger"
import {
  type UsageCounts,
  type UsageDimension,
  usageDimensions,
  type UsageQuery,
  type UsageReport
} from "@llm-router/router/ledger/usage"
import { Effect, Result } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { errorResponse, wireError, wireErrorOf } from "./errors.ts"

interface QueryText {
  readonly from?: string
  readonly to?: string
  readonly group_by?: string
}

/** A day, or a time with its zone: what `Date.parse` takes beside these depends on the machine. */
const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/

const invalid = (param: string, got: string, expected: string): InvalidRequest =>
  new InvalidRequest({
    message: `Invalid value for ${param}: expected ${expected}, got ${JSON.stringify(got.slice(0, 100))}.`,
    param,
    code: null,
    status: 400
  })

const timeOf = (param: string, text: string | undefined): Result.Result<number | undefined, InvalidRequest> => {
  if (text === undefined || text === "") return Result.succeed(undefined)
  const millis = isoTime.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(millis)
    ? Result.fail(invalid(param, text, "an ISO 8601 day or time with its zone, such as 2026-11-22T13:00:00Z"))
    : Result.succeed(millis)
}

const isDimension = (name: string): name is UsageDimension => usageDimensions.some((dimension) => dimension === name)

const dimensionsOf = (text: string | undefined): Result.Result<ReadonlyArray<UsageDimension>, InvalidRequest> => {
  const names = (text ?? "").split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]))
  const unknown = names.find((name) => !isDimension(name))
  return unknown === undefined
    ? Result.succeed([...new Set(names.filter(isDimension))])
    : Result.fail(invalid("group_by", unknown, `a list of ${usageDimensions.join(", ")}`))
}

const queryOf = (text: QueryText): Result.Result<UsageQuery, InvalidRequest> =>
  Result.gen(function* () {
    const fromMillis = yield* timeOf("from", text.from)
    const toMillis = yield* timeOf("to", text.to)
    const groupBy = yield* dimensionsOf(text.group_by)
    if (fromMillis !== undefined && toMillis !== undefined && fromMillis >= toMillis) {
      return yield* Result.fail(invalid("to", text.to ?? "", "a time behind from"))
    }
    return { fromMillis, toMillis, groupBy }
  })

/** To six digits: a measure of how far off a price table is, no amount. */
const ratioOf = (reported: bigint, computed: bigint): number | null =>
  computed === 0n ? null : Number((reported * 1_000_000n) / computed) / 1_000_000

const countsView = (counts: UsageCounts): UsageView["totals"] => ({
  requests: counts.requests,
  requests_ok: counts.requestsOk,
  attempts: counts.attempts,
  ok: counts.ok,
  failed: counts.failed,
  cut: counts.cut,
  cancelled: counts.cancelled,
  input_tokens: counts.inputTokens,
  cached_tokens: counts.cachedTokens,
  output_tokens: counts.outputTokens,
  reasoning_tokens: counts.reasoningTokens,
  cost_usd: dollarsOf(counts.cost),
  cost_usd_exact: decimalOf(counts.cost),
  wasted_usd: dollarsOf(counts.wasted),
  reported: counts.reported,
  priced: counts.priced,
  estimated: counts.estimated,
  unpriced: counts.unpriced,
  compared: counts.compared,
  compared_reported_usd: dollarsOf(counts.comparedReported),
  compared_computed_usd: dollarsOf(counts.comparedComputed),
  drift_ratio: ratioOf(counts.comparedReported, counts.comparedComputed)
})

const isoOrNull = (millis: number | undefined): string | null =>
  millis === undefined ? null : new Date(millis).toISOString()

const jsonView = (query: UsageQuery, report: UsageReport): UsageView => ({
  from: isoOrNull(query.fromMillis),
  to: isoOrNull(query.toMillis),
  group_by: query.groupBy,
  totals: countsView(report.totals),
  rows: report.rows.map((row) => ({ ...row.group, ...countsView(row) })),
  truncated: report.truncated
})

/** RFC 4180; a text that a spreadsheet would take for a formula is quoted with an apostrophe. */
const csvField = (value: string | number): string => {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const csvView = ({ group_by, rows, totals }: UsageView): string => {
  const columns = [...group_by, ...Object.keys(totals)]
  const lines = rows.map((row) => columns.map((column) => csvField(row[column] ?? "")).join(","))
  return `${[columns.map(csvField).join(","), ...lines].join("\r\n")}\r\n`
}

export const UsageHandlers = HttpApiBuilder.group(
  Api,
  "usage",
  Effect.fn(function* (handlers) {
    const ledger = yield* CostLedger
    const vary = { vary: "accept" }

    return handlers.handle("usage", ({ query: text, request }) =>
      Effect.fromResult(queryOf(text)).pipe(
        Effect.flatMap((query) => Effect.map(ledger.usage(query), (report) => jsonView(query, report))),
        Effect.match({
          onSuccess: (view) =>
            (request.headers["accept"] ?? "").includes("text/csv")
              ? HttpServerResponse.text(csvView(view), { contentType: "text/csv; charset=utf-8", headers: vary })
              : HttpServerResponse.jsonUnsafe(view, { headers: vary }),
          onFailure: (error) =>
            errorResponse(
              error._tag === "InvalidRequest"
                ? wireErrorOf(error)
                : wireError(503, "api_error", "ledger_unavailable", "The ledger cannot answer now. /health says why.")
            )
        })
      )
    )
  })
)
