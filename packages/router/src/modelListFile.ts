/**
 * The model list on disk: what of OpenRouter's list is used here, so that a start without network knows it.
 */
import { decimalOf, type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { Effect, Result, Schema, SchemaParser } from "effect"
import { mebibyte, observe, removeLeftovers, replaceFile } from "./atomicFile.ts"
import type { ModelFacts } from "./ModelCatalogue.ts"

/** A model list as it was at some time. */
export interface ModelListSnapshot {
  readonly fetchedAt: string
  readonly models: ReadonlyMap<string, ModelFacts>
}

/** Twenty thousand models, the most that are read, take less. */
const mostBytes = 16 * mebibyte

const amountOf = (price: string): PicoDollars | undefined => {
  const amount = picoDollarsOf(price)
  return amount === undefined || amount < 0n ? undefined : amount
}

/** USD per token. */
const Price = Schema.String.check(
  Schema.makeFilter((price: string) => (amountOf(price) === undefined ? "an amount of USD" : true))
)

const StoredList = Schema.Struct({
  version: Schema.Literal(1),
  fetched_at: Schema.String,
  models: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      context_length: Schema.optionalKey(Schema.Finite),
      tools: Schema.Boolean,
      images: Schema.Boolean,
      prompt: Schema.optionalKey(Price),
      completion: Schema.optionalKey(Price)
    })
  )
})
type StoredModel = (typeof StoredList.Type)["models"][number]

const decodeList = SchemaParser.decodeUnknownResult(Schema.fromJsonString(StoredList))

const factsOf = (stored: StoredModel): ModelFacts => ({
  contextLength: stored.context_length,
  tools: stored.tools,
  images: stored.images,
  inputPrice: amountOf(stored.prompt ?? ""),
  outputPrice: amountOf(stored.completion ?? "")
})

const storedOf = (id: string, facts: ModelFacts): StoredModel => ({
  id,
  ...(facts.contextLength === undefined ? {} : { context_length: facts.contextLength }),
  tools: facts.tools,
  images: facts.images,
  ...(facts.inputPrice === undefined ? {} : { prompt: decimalOf(facts.inputPrice) }),
  ...(facts.outputPrice === undefined ? {} : { completion: decimalOf(facts.outputPrice) })
})

const read = Effect.fnUntraced(function* (path: string) {
  const seen = yield* observe(path, mostBytes)
  if (seen._tag === "Absent") return undefined
  if (seen._tag === "Unreadable") return yield* Effect.fail(seen.message)
  const list = decodeList(seen.text)
  if (Result.isFailure(list)) return yield* Effect.fail("it is damaged, or of another version")
  return {
    fetchedAt: list.success.fetched_at,
    models: new Map(list.success.models.map((stored) => [stored.id, factsOf(stored)]))
  } satisfies ModelListSnapshot
})

/** The list that was kept, if any. One that cannot be read is left out with a warning: the next refresh replaces it. */
export const readModelList = (path: string): Effect.Effect<ModelListSnapshot | undefined> =>
  removeLeftovers(path).pipe(
    Effect.andThen(read(path)),
    Effect.catch((why) => Effect.as(Effect.logWarning(`${path}: the kept model list is not used: ${why}`), undefined))
  )

/** Keeps the list. A disk in trouble costs a warning and no more. */
export const keepModelList = (path: string, { fetchedAt, models }: ModelListSnapshot): Effect.Effect<void> => {
  const list: typeof StoredList.Type = {
    version: 1,
    fetched_at: fetchedAt,
    models: [...models].map(([id, facts]) => storedOf(id, facts))
  }
  return replaceFile(path, `${JSON.stringify(list)}\n`).pipe(
    Effect.catch((why) => Effect.logWarning(`${path}: the model list could not be kept: ${why}`))
  )
}
