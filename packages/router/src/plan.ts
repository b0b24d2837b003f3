/**
 * What would become of a request: its decision, the models that would be tried or left out, and about what it costs.
 */
import { type ChatRequest, estimatedInputTokens } from "@llm-router/domain/ChatRequest"
import type { Decision } from "@llm-router/domain/Decision"
import type { PicoDollars } from "@llm-router/domain/Money"
import { Effect } from "effect"
import type { Chain } from "./chain.ts"
import type { CircuitBreaker, CircuitView } from "./CircuitBreaker.ts"
import { costOf, type TokenPrices } from "./pricing.ts"
import { answerTokensOf } from "./worstCase.ts"

export interface PlannedModel {
  readonly model: string
  readonly action: "try" | "skip"
  readonly reason: string | undefined
}

export interface Plan {
  readonly decision: Decision
  readonly models: ReadonlyArray<PlannedModel>
  /** Of the models that would be tried: nothing said by the cheapest, a long answer by the dearest. */
  readonly cost: { readonly min: PicoDollars; readonly max: PicoDollars } | undefined
}

/** A long answer, for the upper end of the expected cost of a request that sets no bound. */
const longAnswerTokens = 2_000

const circuitReason = (view: CircuitView): string | undefined => {
  if (view.state !== "open") return undefined
  return view.retryAtMillis === undefined
    ? "circuit_open until it is reset"
    : `circuit_open until ${new Date(view.retryAtMillis).toISOString()}`
}

export const planOf = Effect.fnUntraced(function* (
  decision: Decision,
  chain: Chain,
  request: ChatRequest,
  services: {
    readonly circuits: CircuitBreaker["Service"]
    readonly prices: (model: string) => TokenPrices | undefined
  }
) {
  const skipped = new Map(chain.skipped.map(({ model, reason }) => [model, reason]))
  const models = yield* Effect.forEach([...chain.models, ...skipped.keys()], (model) =>
    Effect.map(services.circuits.view(model), (view): PlannedModel => {
      const reason = skipped.get(model) ?? circuitReason(view)
      return { model, action: reason === undefined ? "try" : "skip", reason }
    })
  )
  const prices = models.flatMap(({ action, model }) => {
    const known = action === "try" ? services.prices(model) : undefined
    return known === undefined ? [] : [known]
  })
  const inputTokens = estimatedInputTokens(request)
  const costs = (outputTokens: number) => prices.map((price) => costOf(price, { inputTokens, outputTokens }))
  const [min] = costs(0).toSorted(byAmount)
  const max = costs(answerTokensOf(request) ?? longAnswerTokens)
    .toSorted(byAmount)
    .at(-1)
  return { decision, models, cost: min === undefined || max === undefined ? undefined : { min, max } } satisfies Plan
})

const byAmount = (a: PicoDollars, b: PicoDollars): number => (a < b ? -1 : a > b ? 1 : 0)
