import { series, stat, table } from "../panel.ts"
import { highest, increase, legend, quantile, rate, share, sumRate } from "../query.ts"
import type { Row } from "../row.ts"

const model = "gen_ai.request.model"
const category = "llm_router.category"
const perHour = 3600

export const cost: Row = {
  title: "Cost and tokens",
  panels: [
    series(
      { title: "Spend per hour by model", description: "At the rate of the moment, in USD.", unit: "currencyUSD" },
      [[`${rate("cost", { by: [model] })} * ${perHour}`, legend("cost", model)]],
      { stacked: true, traces: model }
    ),
    series(
      { title: "Spend per hour by category", description: "At the rate of the moment, in USD.", unit: "currencyUSD" },
      [[`${rate("cost", { by: [category] })} * ${perHour}`, legend("cost", category)]],
      { stacked: true, traces: category }
    ),
    stat(
      {
        title: "Cost of an answer",
        description: "Spend over answered requests of the last hour.",
        unit: "currencyUSD",
        width: 4,
        height: 8
      },
      share(
        increase("cost", {}, "1h"),
        `clamp_min(${increase("requests", { where: { "llm_router.outcome": "success" } }, "1h")}, 1)`
      )
    ),
    stat(
      {
        title: "Unpriced answers, 1 h",
        description: "Answers whose cost nobody knows. They are not free: their price is missing.",
        unit: "short",
        width: 4,
        height: 8
      },
      increase("costMissing", {}, "1h"),
      { warn: 1, bad: 10 }
    ),
    series(
      {
        title: "Where costs are from",
        description:
          "USD per hour that the provider reported, that came from its tokens and the price table, or that were estimated.",
        unit: "currencyUSD",
        width: 8
      },
      [[`${rate("cost", { by: ["llm_router.cost.source"] })} * ${perHour}`, legend("cost", "llm_router.cost.source")]],
      { stacked: true }
    ),
    table(
      {
        title: "Unpriced answers by model, 1 h",
        description: "Set a price for these models in the configuration.",
        unit: "short",
        width: 8
      },
      [[`${increase("costMissing", { by: [model] }, "1h")} > 0`, legend("costMissing", model)]]
    ),
    series(
      {
        title: "Price drift",
        description:
          "Reported cost over the price table's for the same tokens, minus 1. Far from 0, a price is outdated.",
        unit: "percentunit",
        width: 8
      },
      [[highest("costDrift", { by: [model] }), legend("costDrift", model)]],
      { signed: true }
    ),
    series(
      { title: "Tokens by type", description: "Tokens per second, in and out.", unit: "cps", width: 8 },
      [[sumRate("tokens", { by: ["gen_ai.token.type"] }), legend("tokens", "gen_ai.token.type")]],
      { stacked: true }
    ),
    series(
      { title: "Tokens of a call, p95", description: "How long prompts and answers are.", unit: "short", width: 8 },
      [[quantile(0.95, "tokens", { by: ["gen_ai.token.type"] }), legend("tokens", "gen_ai.token.type")]]
    )
  ]
}
