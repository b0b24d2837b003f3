import { attributes } from "@llm-router/router/telemetry/spans"
import type { Row } from "../row.ts"
import { traces as search, traceSeries } from "../tracePanel.ts"

const router = 'resource.service.name = "llm-router"'

export const traces: Row = {
  title: "Traces",
  panels: [
    search(
      { title: "Slow requests", description: "Requests that took more than ten seconds." },
      `{ ${router} && kind = server && duration > 10s }`
    ),
    search(
      { title: "Rescued requests", description: "Requests that another model than the first one answered." },
      `{ ${router} && kind = server && span.${attributes.fallback} = true && span.${attributes.outcome} = "success" }`
    ),
    search(
      { title: "Failed attempts", description: "Calls to models that failed, newest first." },
      `{ ${router} && kind = client && status = error } | select(span.${attributes.requestModel}, span.${attributes.errorType})`
    ),
    search(
      { title: "Dear calls", description: "Calls to models of more than ten cents." },
      `{ ${router} && span.${attributes.costAmount} > 0.1 } | select(span.${attributes.requestModel}, span.${attributes.costAmount})`
    ),
    traceSeries(
      {
        title: "Duration of calls, p95, from traces",
        description: "The same as from metrics, but only of traces that were kept.",
        unit: "s",
        width: 24
      },
      `{ ${router} && kind = client } | quantile_over_time(duration, .95) by (span.${attributes.requestModel})`
    )
  ]
}
