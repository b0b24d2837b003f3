/**
 * Asking a `FakeOpenRouter` of one's own.
 */
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { FakeOpenRouter } from "../src/FakeOpenRouter.ts"
import type * as Script from "../src/script.ts"
import { send } from "./client.ts"

export const ask = (more: object = {}) => ({ model: "a/b", messages: [{ role: "user", content: "Hi" }], ...more })
export const streamed = ask({ stream: true })

/** The answer of a model that behaves so, to a request that streams unless another body is given. */
export const answerOf = (behaviour: Script.Behaviour, body: object = streamed) =>
  Effect.gen(function* () {
    const fake = yield* FakeOpenRouter
    yield* fake.scriptAll(behaviour)
    return yield* send(`${fake.url}/chat/completions`, { body })
  })

export const test = (name: string, effect: Effect.Effect<unknown, unknown, FakeOpenRouter>) =>
  it.effect(name, () => Effect.provide(effect, FakeOpenRouter.layer))
