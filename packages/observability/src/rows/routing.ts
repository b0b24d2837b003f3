import { series, table } from "../panel.ts"
import { countRate, increase, legend, quantile, rate, share, sumRate } from "../query.ts"
import type { Row } from "../row.ts"

export const routing: Row = {
  title: "Decisions",
  panels: [
    series(
      { title: "Requests by category", description: "What people ask for.", unit: "reqps" },
      [[rate("requests", { by: ["llm_router.category"] }), legend("requests", "llm_router.category")]],
      { stacked: true, traces: "llm_router.category" }
    ),
    series(
      {
        title: "Decisions by source",
        description:
          "The rule or classifier that decided: the caller's own model, tools, keywords, a model that classifies, or the default when none was sure.",
        unit: "ops"
      },
      [[rate("decisions", { by: ["llm_router.source"] }), legend("decisions", "llm_router.source")]],
      { stacked: true }
    ),
    table(
      {
        title: "Category and model, 1 h",
        description: "Requests of the last hour by category and the model that answered, or was asked last.",
        unit: "short"
      },
      [
        [
          increase("requests", { by: ["llm_router.category", "gen_ai.request.model"] }, "1h"),
          legend("requests", "llm_router.category", "gen_ai.request.model")
        ]
      ]
    ),
    series(
      {
        title: "Time to classify, p95",
        description: "By the classifier whose answer won; what others took before it is included.",
        unit: "s"
      },
      [
        [
          quantile(0.95, "classifyDuration", { by: ["llm_router.source"] }),
          legend("classifyDuration", "llm_router.source")
        ]
      ]
    ),
    series({ title: "Mean confidence", description: "How sure decisions were, 0 to 1.", unit: "percentunit" }, [
      [
        share(
          sumRate("confidence", { by: ["llm_router.source"] }),
          countRate("confidence", { by: ["llm_router.source"] })
        ),
        legend("confidence", "llm_router.source")
      ]
    ]),
    series(
      {
        title: "Undecided",
        description: "Share of the decisions that fell to the default category because no classifier was sure.",
        unit: "percentunit"
      },
      [[share(rate("decisions", { where: { "llm_router.source": "default" } }), rate("decisions")), "default"]]
    )
  ]
}
