/**
 * Asks OpenRouter afterwards what an answer cost that was cut or left before it said so, and corrects the ledger. It
 * works in the background, some questions at a time, and gives up on what OpenRouter does not know after a while.
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { textWithin } from "./boundedBody.ts"
import { CostLedger } from "./CostLedger.ts"
import type { UnsettledEntry } from "./ledger/entry.ts"
import type { UpstreamSettings } from "./ModelClient.ts"
import { Watchdog } from "./Watchdog.ts"

export interface SettlementsStatus {
  /** Entries whose cost will be asked for. */
  readonly waiting: number
  readonly settled: number
  /** Entries that OpenRouter did not know after the last try: they stay estimated. */
  readonly givenUp: number
  /** Entries that there was no room for: they stay estimated until a restart finds them. */
  readonly dropped: number
}

interface Pending {
  readonly entry: UnsettledEntry
  tries: number
  dueMillis: number
}

/** Before each try. The record is there some seconds after the call (seen by clients; OpenRouter promises no time). */
const delaysMillis: ReadonlyArray<number> = [3_000, 10_000, 30_000, 120_000, 600_000]
const mostWaiting = 1_000
/** Of one second's questions. */
const mostAtOnce = 20
const concurrency = 4
/** How old an entry may be that a restart still asks for. */
const oldestMillis = 24 * 3_600_000
const longestAnswerBytes = 256 * 1024

/** What goes into a URL came from an upstream. */
const isGenerationId = (id: string): boolean => /^[\w.:-]{1,128}$/.test(id)

const Count = Schema.optional(Schema.NullOr(Schema.Finite))
const decodeGeneration = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.Struct({
      data: Schema.Struct({
        total_cost: Schema.Finite,
        native_tokens_prompt: Count,
        native_tokens_completion: Count,
        native_tokens_reasoning: Count,
        native_tokens_cached: Count
      })
    })
  )
)

export class Settlements extends Context.Service<Settlements, { readonly status: () => SettlementsStatus }>()(
  "@llm-router/router/Settlements"
) {
  /** `enabled` is false where the upstream is simulated; without a key nothing is asked either. */
  static readonly layerOpenRouter = (settings: UpstreamSettings, enabled: boolean) =>
    Layer.effect(
      Settlements,
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const ledger = yield* CostLedger
        const { now } = yield* Watchdog
        const { apiKey } = settings
        const pending = new Map<string, Pending>()
        let [settled, givenUp, dropped] = [0, 0, 0]
        const status = () => ({ waiting: pending.size, settled, givenUp, dropped })
        if (!enabled || apiKey === undefined) return Settlements.of({ status })

        const add = (entry: UnsettledEntry): void => {
          const { generationId } = entry
          if (!isGenerationId(generationId) || pending.has(generationId)) return
          if (pending.size >= mostWaiting) dropped++
          else pending.set(generationId, { entry, tries: 0, dueMillis: now() + (delaysMillis[0] ?? 0) })
        }

        const generation = Effect.fnUntraced(function* (id: string) {
          const url = `${settings.baseUrl}/generation?id=${encodeURIComponent(id)}`
          const request = HttpClientRequest.get(url).pipe(HttpClientRequest.bearerToken(Redacted.value(apiKey)))
          const response = yield* client.execute(request)
          const text = yield* textWithin(response, longestAnswerBytes)
          if (response.status !== 200) return yield* Effect.fail(`OpenRouter answered ${response.status}.`)
          const { data } = yield* decodeGeneration(text)
          const cost = costOf(data.total_cost)
          return cost === undefined ? yield* Effect.fail("OpenRouter names no cost.") : { cost, data }
        })

        const settle = Effect.fnUntraced(function* ({ entry }: Pending) {
          const { cost, data } = yield* generation(entry.generationId)
          ledger.appendSettlement({
            entry,
            settledAtMillis: now(),
            cost,
            inputTokens: data.native_tokens_prompt ?? entry.inputTokens,
            cachedTokens: data.native_tokens_cached ?? entry.cachedTokens,
            outputTokens: data.native_tokens_completion ?? entry.outputTokens,
            reasoningTokens: data.native_tokens_reasoning ?? entry.reasoningTokens
          })
          pending.delete(entry.generationId)
          settled++
        })

        const postpone = (waiting: Pending, reason: string): Effect.Effect<void> => {
          const delay = delaysMillis[++waiting.tries]
          if (delay !== undefined) {
            waiting.dueMillis = now() + delay
            return Effect.void
          }
          pending.delete(waiting.entry.generationId)
          givenUp++
          return Effect.logInfo(`What an answer of ${waiting.entry.model} cost stays estimated. ${reason}`).pipe(
            Effect.annotateLogs({ request_id: waiting.entry.requestId })
          )
        }

        const ask = (waiting: Pending): Effect.Effect<void> =>
          settle(waiting).pipe(
            Effect.timeout("10 seconds"),
            Effect.provideService(HttpClient.TracerPropagationEnabled, settings.tracePropagation),
            Effect.catch((error) =>
              postpone(waiting, typeof error === "string" ? error : error.message.split("\n", 1).join(""))
            )
          )

        const due = Effect.sync(() =>
          [...pending.values()].filter(({ dueMillis }) => dueMillis <= now()).slice(0, mostAtOnce)
        )

        const earlier = ledger.unsettledSince(now() - oldestMillis, mostWaiting).pipe(
          Effect.map((entries) => entries.forEach(add)),
          Effect.catch((error) => Effect.logWarning(`Entries of before the start are not settled. ${error.message}`))
        )

        ledger.onUnsettled(add)
        yield* Effect.sleep("2 seconds").pipe(Effect.andThen(earlier), Effect.forkScoped)
        yield* Effect.sleep("1 second").pipe(
          Effect.andThen(due),
          Effect.flatMap(Effect.forEach(ask, { concurrency, discard: true })),
          Effect.forever,
          Effect.forkScoped
        )
        return Settlements.of({ status })
      })
    )
}

/** As the JSON number was written; less than nothing is no cost. */
const costOf = (usd: number): PicoDollars | undefined => {
  const cost = picoDollarsOf(usd)
  return cost === undefined || cost < 0n ? undefined : cost
}
