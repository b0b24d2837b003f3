import { stat } from "../panel.ts"
import { countRate, highest, increase, quantile, rate, share, total } from "../query.ts"
import type { Row } from "../row.ts"

const api = { matches: "/v1/.*" } as const

export const overview: Row = {
  title: "Now",
  panels: [
    stat(
      { title: "Requests", description: "Requests to /v1 per second.", unit: "reqps" },
      countRate("httpDuration", { where: { "http.route": api } })
    ),
    stat(
      {
        title: "Availability",
        description: "Share of the requests to /v1 not answered with 5xx.",
        unit: "percentunit"
      },
      share(
        countRate("httpDuration", { where: { "http.route": api, "http.response.status_code": { differs: "5.." } } }),
        countRate("httpDuration", { where: { "http.route": api } })
      ),
      { warn: 0.995, bad: 0.98 }
    ),
    stat(
      {
        title: "Rescued",
        description: "Share of the requests whose first model failed and that got an answer all the same.",
        unit: "percentunit"
      },
      share(rate("rescued"), rate("requests"))
    ),
    stat(
      { title: "Latency p95", description: "Time to the last byte, whole streams included.", unit: "s" },
      quantile(0.95, "httpDuration", { where: { "http.route": api } })
    ),
    stat(
      { title: "First token p95", description: "Time from a streamed call to its first token, all models.", unit: "s" },
      quantile(0.95, "firstChunk"),
      { warn: 5, bad: 10 }
    ),
    stat(
      { title: "Spend, 24 h", description: "What the calls to models cost in the last 24 hours.", unit: "currencyUSD" },
      increase("cost", {}, "24h")
    ),
    stat(
      { title: "Open circuits", description: "Models that are not asked at the moment.", unit: "none" },
      `sum(${highest("breakerState", { by: ["gen_ai.request.model"] })} == bool 2)`,
      { warn: 1, bad: 3 }
    ),
    stat(
      { title: "In flight", description: "Requests to /v1 under way.", unit: "none" },
      total("httpActive", { where: { "http.route": api } })
    )
  ]
}
