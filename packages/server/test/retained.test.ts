/** What is kept of a request behind its answer (its conversation, a verdict, an error) keeps nothing else of it. */
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { bytesInUse } from "@llm-router/testing/heap"
import { answers } from "@llm-router/testing/ollamaScript"
import { status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, human, withServer } from "./harness.ts"

const mebibyte = 1024 * 1024
const large = "x".repeat(mebibyte)
const blanks = " ".repeat(mebibyte)
const rounds = 12

/** Asks so many times, each time with a mebibyte that nobody needs; the fakes forget what they got. */
const keepsNothing = (name: string, bodyOf: (round: number) => object, env: Readonly<Record<string, string>> = {}) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const ollama = yield* FakeOllama
      const ask = (round: number) =>
        Effect.gen(function* () {
          yield* ollama.script(answers("conversation"))
          yield* upstream.script(`made-up/${round}`, status(500, { message: `${round} ${large.slice(0, 900_000)}` }))
          yield* chat({ ...bodyOf(round) })
          yield* Effect.all([upstream.reset, ollama.reset])
        })
      yield* Effect.forEach([1, 2, 3], ask)
      const before = bytesInUse()
      yield* Effect.forEach(
        Array.from({ length: rounds }, (_, index) => index + 4),
        ask
      )
      assert.isBelow(bytesInUse() - before, (rounds / 3) * mebibyte)
    }).pipe(withServer(env))
  )

describe("in memory stays nothing of", () => {
  keepsNothing("a request with a long key, behind its id", (round) => ({
    messages: human("hello"),
    prompt_cache_key: `${round}${large}`
  }))
  keepsNothing("a request whose user has a long name, behind the user", (round) => ({
    messages: human("hello"),
    user: `${round}${large}`
  }))
  keepsNothing("OpenClaw's first message, behind its session", (round) => ({
    messages: human(`hello ${large}\n\nRuntime: agent=main | session=s | sessionId=01234567-89ab-cdef-${round}`)
  }))
  keepsNothing(
    "what surrounds a text that a language model classified, behind its verdict",
    (round) => ({ messages: human(`${blanks}what about this one, number ${round}?`) }),
    { ROUTING_MODE: "ollama" }
  )
  keepsNothing("an upstream's long error, behind the circuit", (round) => ({
    messages: human("hello"),
    model: `made-up/${round}`
  }))
})
