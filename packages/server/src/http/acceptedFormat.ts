/** Which form of the metrics and of the usage an `Accept` header asks for (spec 6, 8). */
import type { UsageFormat } from "@llm-router/router/ledger/usageText"
import type { TextFormat } from "@llm-router/router/telemetry/prometheusText"

interface MediaRange {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

const mediaRanges = (accept: string): ReadonlyArray<MediaRange> =>
  accept.split(",").map((range) => {
    const [type = "", ...rest] = range.split(";").map((part) => part.trim().toLowerCase())
    const parameters = new Map(
      rest.map((parameter): [string, string] => {
        const [name = "", value = ""] = parameter.split("=")
        return [name.trim(), value.trim().replaceAll('"', "")]
      })
    )
    const quality = Number(parameters.get("q") ?? 1)
    return { type, parameters, quality: Number.isFinite(quality) ? quality : 0 }
  })

/** How much is wanted, from 0 to 1, of what these ranges name. */
const qualityIn =
  (ranges: ReadonlyArray<MediaRange>) =>
  (holds: (range: MediaRange) => boolean): number =>
    Math.max(0, ...ranges.filter(holds).map(({ quality }) => quality))

/** CSV for whoever names it and does not like JSON better. */
export const usageFormatAccepted = (accept: string | undefined): UsageFormat => {
  const qualityOf = qualityIn(mediaRanges(accept ?? ""))
  const csv = qualityOf(({ type }) => type === "text/csv")
  return csv > 0 && csv >= qualityOf(({ type }) => type === "application/json") ? "csv" : "json"
}

/**
 * Text for whoever names it and does not like JSON as well: Prometheus. Browsers, curl (any type) and axios, which names
 * `text/plain` without a version, get JSON.
 */
export const formatAccepted = (accept: string | undefined): TextFormat | "json" => {
  const qualityOf = qualityIn(mediaRanges(accept ?? ""))
  const openMetrics = qualityOf(({ type }) => type === "application/openmetrics-text")
  const text = qualityOf(({ parameters, type }) => type === "text/plain" && parameters.has("version"))
  const json = qualityOf(({ type }) => type === "application/json")
  if (Math.max(openMetrics, text) <= json) return "json"
  return openMetrics >= text ? "openmetrics" : "prometheus"
}
