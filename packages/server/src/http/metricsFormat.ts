/** Which form of the metrics an `Accept` header asks for (spec 8). */
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

/**
 * Text for whoever names it and does not like JSON as well: Prometheus. Browsers, curl (any type) and axios, which names
 * `text/plain` without a version, get JSON.
 */
export const formatAccepted = (accept: string | undefined): TextFormat | "json" => {
  const ranges = mediaRanges(accept ?? "")
  const qualityOf = (holds: (range: MediaRange) => boolean): number =>
    Math.max(0, ...ranges.filter(holds).map(({ quality }) => quality))
  const openMetrics = qualityOf(({ type }) => type === "application/openmetrics-text")
  const text = qualityOf(({ parameters, type }) => type === "text/plain" && parameters.has("version"))
  const json = qualityOf(({ type }) => type === "application/json")
  if (Math.max(openMetrics, text) <= json) return "json"
  return openMetrics >= text ? "openmetrics" : "prometheus"
}
