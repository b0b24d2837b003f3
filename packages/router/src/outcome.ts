/** What is told of a whole request, once: to the ledger, the metrics and the trace. */
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import type { PicoDollars } from "@llm-router/domain/Money"
import type { Trail } from "./attempt.ts"
import type { CostLedger, RequestOutcome } from "./CostLedger.ts"
import type { Decided } from "./decide.ts"
import type { RequestTelemetry } from "./telemetry/RequestTelemetry.ts"

interface Outcomes {
  readonly ledger: CostLedger["Service"]
  readonly now: () => number
  readonly request: ChatRequest
  readonly decided: Decided
  readonly trail: Trail
  readonly startedAt: number
  readonly told: RequestTelemetry
}

export interface OutcomeRecorder {
  /** From here on its entry is awaited. */
  readonly open: () => void
  /** It worked, or why not; what comes after the first time is passed over. */
  readonly record: (error: string | undefined) => void
  /** What its attempts and its classification have cost, once they have ended. */
  readonly spent: () => PicoDollars
}

export const outcomeRecorder = ({
  decided: { cost, decision },
  ledger,
  now,
  request,
  startedAt,
  told,
  trail
}: Outcomes): OutcomeRecorder => {
  let recorded = false
  let append = ledger.appendRequest
  const spent = (): PicoDollars => trail.meters.reduce((sum, meter) => sum + meter.cost, cost)
  return {
    spent,
    open: () => {
      append = ledger.openRequest()
    },
    record: (error) => {
      if (recorded) return
      recorded = true
      const time = now()
      const model = trail.meters.at(-1)?.model ?? decision.models[0]
      told.ended(decision.category, model, error === undefined, error, trail.meters.length)
      append({
        timeMillis: time,
        requestId: request.id,
        category: decision.category,
        source: decision.source,
        model,
        success: error === undefined,
        attempts: trail.meters.length,
        latencyMillis: time - startedAt,
        cost: spent(),
        error,
        keyId: request.client.keyId
      })
    }
  }
}

/** The caller left while it was still being found out what the request was about. */
export const leftUndecided = (request: ChatRequest, startedAt: number, time: number): RequestOutcome => ({
  timeMillis: time,
  requestId: request.id,
  category: "undecided",
  source: "default",
  model: "none",
  success: false,
  attempts: 0,
  latencyMillis: time - startedAt,
  cost: 0n,
  error: "cancelled",
  keyId: request.client.keyId
})
