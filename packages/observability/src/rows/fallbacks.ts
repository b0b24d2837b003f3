import { series, table, timeline } from "../panel.ts"
import { highest, increase, legend, rate, share } from "../query.ts"
import type { Row } from "../row.ts"

const model = "gen_ai.request.model"

export const fallbacks: Row = {
  title: "Fallbacks and circuits",
  panels: [
    series(
      {
        title: "Attempts by role",
        description: "First models, their retries, and the models behind them.",
        unit: "ops"
      },
      [[rate("attempts", { by: ["llm_router.attempt.role"] }), legend("attempts", "llm_router.attempt.role")]],
      { stacked: true }
    ),
    series(
      {
        title: "Attempts per request",
        description: "Attempts at models further down a chain, and retries of a model, for each request.",
        unit: "percentunit"
      },
      [
        [share(rate("attempts", { where: { "llm_router.attempt.role": "fallback" } }), rate("requests")), "fallbacks"],
        [share(rate("attempts", { where: { "llm_router.attempt.role": "retry" } }), rate("requests")), "retries"]
      ]
    ),
    series(
      {
        title: "Why chains went on",
        description: "Fallbacks per second by reason; circuit_open means that the model was not asked at all.",
        unit: "ops"
      },
      [[rate("fallbacks", { by: ["llm_router.fallback.reason"] }), legend("fallbacks", "llm_router.fallback.reason")]],
      { stacked: true }
    ),
    series(
      {
        title: "Rescued and lost",
        description: "Requests that another model saved, and requests that none did, per second.",
        unit: "reqps"
      },
      [
        [rate("rescued"), "rescued"],
        [rate("requests", { where: { "llm_router.outcome": "failed" } }), "failed"]
      ],
      { stacked: true }
    ),
    timeline(
      { title: "Circuits", description: "The circuit of each model over time, the worst of all replicas." },
      [highest("breakerState", { by: [model] }), legend("breakerState", model)],
      {
        0: { text: "closed", color: "green" },
        1: { text: "half-open", color: "yellow" },
        2: { text: "open", color: "red" }
      }
    ),
    series(
      { title: "Circuit transitions, 1 h", description: "Circuits that opened, half-opened or closed.", unit: "short" },
      [
        [
          increase("breakerTransitions", { by: [model, "llm_router.breaker.to"] }, "1h"),
          legend("breakerTransitions", model, "llm_router.breaker.to")
        ]
      ]
    ),
    table(
      {
        title: "Models left behind, 1 h",
        description: "Fallbacks of the last hour by the model that was left and why.",
        unit: "short"
      },
      [
        [
          increase("fallbacks", { by: [model, "llm_router.fallback.reason"] }, "1h"),
          legend("fallbacks", model, "llm_router.fallback.reason")
        ]
      ]
    )
  ]
}
