import { series } from "../panel.ts"
import { countRate, legend, quantile, rate, share, sumRate } from "../query.ts"
import type { Row } from "../row.ts"

const model = "gen_ai.request.model"

export const models: Row = {
  title: "Models",
  panels: [
    series(
      { title: "Requests by model", description: "By the model that answered, or was asked last.", unit: "reqps" },
      [[rate("requests", { by: [model] }), legend("requests", model)]],
      { stacked: true, traces: model }
    ),
    series(
      { title: "Duration of calls, p95", description: "Each attempt by itself, to its last byte.", unit: "s" },
      [[quantile(0.95, "callDuration", { by: [model] }), legend("callDuration", model)]],
      { traces: model }
    ),
    series(
      {
        title: "Time to the first token, p95",
        description: "Of streamed calls: how long one looks at nothing.",
        unit: "s"
      },
      [[quantile(0.95, "firstChunk", { by: [model] }), legend("firstChunk", model)]],
      { traces: model }
    ),
    series(
      {
        title: "Output speed",
        description: "Tokens that came out per second of a call, the wait for the first one included.",
        unit: "cps"
      },
      [
        [
          share(
            sumRate("tokens", { where: { "gen_ai.token.type": "output" }, by: [model] }),
            sumRate("callDuration", { by: [model] })
          ),
          legend("tokens", model)
        ]
      ]
    ),
    series(
      { title: "Errors of models", description: "Failed attempts per second, by reason and model.", unit: "ops" },
      [
        [
          countRate("callDuration", { where: { "error.type": { matches: ".+" } }, by: ["error.type", model] }),
          legend("callDuration", "error.type", model)
        ]
      ],
      { stacked: true, traces: model }
    ),
    series(
      {
        title: "Share of failed attempts",
        description: "Attempts that failed or were cut, of all attempts at a model.",
        unit: "percentunit"
      },
      [
        [
          share(
            rate("attempts", { where: { "llm_router.attempt.outcome": { matches: "failed|cut" } }, by: [model] }),
            rate("attempts", { by: [model] })
          ),
          legend("attempts", model)
        ]
      ],
      { traces: model }
    )
  ]
}
