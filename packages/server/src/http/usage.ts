/** `/usage`: the ledger's sums, as JSON or as CSV. */
import { Api } from "@llm-router/api/Api"
import { InvalidRequest } from "@llm-router/domain/RouterError"
import { CostLedger } from "@llm-router/router/CostLedger"
import { type UsageDimension, usageDimensions, type UsageQuery } from "@llm-router/router/ledger/usage"
import type { UsageFormat } from "@llm-router/router/ledger/usageText"
import { Effect, Result } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { usageFormatAccepted } from "./acceptedFormat.ts"
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

/** `Date.parse` takes the 30th of February for the 2nd of March. */
const isDay = (text: string): boolean => {
  const time = new Date(text)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text)
}

const timeOf = (param: string, text: string | undefined): Result.Result<number | undefined, InvalidRequest> => {
  if (text === undefined || text === "") return Result.succeed(undefined)
  const millis = isoTime.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN
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

const contentTypes: Readonly<Record<UsageFormat, string>> = {
  json: "application/json",
  csv: "text/csv; charset=utf-8"
}

export const UsageHandlers = HttpApiBuilder.group(
  Api,
  "usage",
  Effect.fn(function* (handlers) {
    const ledger = yield* CostLedger
    const vary = { vary: "accept" }

    return handlers.handle("usage", ({ query: text, request }) => {
      const format = usageFormatAccepted(request.headers["accept"])
      return Effect.fromResult(queryOf(text)).pipe(
        Effect.flatMap((query) => ledger.usageText(query, format)),
        Effect.match({
          onSuccess: (body) =>
            HttpServerResponse.uint8Array(body, { contentType: contentTypes[format], headers: vary }),
          onFailure: (error) =>
            errorResponse(
              error._tag === "InvalidRequest"
                ? wireErrorOf(error)
                : wireError(503, "api_error", "ledger_unavailable", "The ledger cannot answer now. /health says why.")
            )
        })
      )
    })
  })
)
