/** What `/v1/route` shows of a plan. */
import type { RoutePlan } from "@llm-router/api/ChatApi"
import { dollarsOf } from "@llm-router/domain/Money"
import type { Plan } from "@llm-router/router/plan"

export const planView = ({ cost, decision, models }: Plan, requestId: string): RoutePlan => ({
  object: "router.plan",
  request_id: requestId,
  category: decision.category,
  source: decision.source,
  confidence: decision.confidence,
  models: decision.models,
  reasons: decision.reasons,
  classifier_latency_ms: decision.classifierLatencyMillis,
  evidence: {
    decided_by: decision.decidedBy ?? null,
    keywords: decision.matches ?? [],
    archetype: decision.archetype ?? null,
    candidates: decision.candidates ?? []
  },
  plan: models.map(({ action, model, reason }) => ({ model, action, ...(reason === undefined ? {} : { reason }) })),
  expected_cost_usd: cost === undefined ? null : { min: dollarsOf(cost.min), max: dollarsOf(cost.max) }
})
