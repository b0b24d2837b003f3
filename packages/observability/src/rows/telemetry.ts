import { series } from "../panel.ts"
import { increase, legend } from "../query.ts"
import type { Row } from "../row.ts"

/** The collector's own metrics (its internal telemetry, port 8888) are named by the collector. */
export const telemetry: Row = {
  title: "Telemetry itself",
  panels: [
    series(
      {
        title: "Dropped by the router, 5 min",
        description: "Spans and metric exports that were lost, since the collector was away or slow.",
        unit: "short",
        width: 8
      },
      [
        [
          increase("telemetryDropped", { by: ["llm_router.telemetry.signal"] }, "5m"),
          legend("telemetryDropped", "llm_router.telemetry.signal")
        ]
      ]
    ),
    series(
      {
        title: "Spans through the collector",
        description: "Received from routers, and handed over to Tempo, per second. The two lines should lie together.",
        unit: "ops",
        width: 8
      },
      [
        ["sum(rate(otelcol_receiver_accepted_spans_total[$__rate_interval]))", "received"],
        ["sum(rate(otelcol_exporter_sent_spans_total[$__rate_interval]))", "delivered"]
      ]
    ),
    series(
      {
        title: "The collector's queues",
        description: "How full the queue before each exporter is. At 1, telemetry is lost.",
        unit: "percentunit",
        width: 8
      },
      [
        [
          "max by (exporter, data_type) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)",
          "{{data_type}} {{exporter}}"
        ]
      ]
    )
  ]
}
