import { assert, describe, it } from "@effect/vitest"
import { ModelError, type ModelErrorReason } from "../src/ModelError.ts"

const message = "why"

/** Spec 2.3's table: what each upstream answer means. */
const table: ReadonlyArray<
  readonly [
    what: string,
    reason: ModelErrorReason,
    canFallBack: boolean,
    countsForCircuit: boolean,
    isTransient: boolean,
    status: number | null
  ]
> = [
  ["a network error", { _tag: "Unavailable", message }, true, true, true, null],
  ["408", { _tag: "Unavailable", message, status: 408 }, true, true, true, 408],
  ["425", { _tag: "Unavailable", message, status: 425 }, true, true, true, 425],
  ["500", { _tag: "Unavailable", message, status: 500 }, true, true, true, 500],
  ["501", { _tag: "Unavailable", message, status: 501 }, true, true, false, 501],
  ["502", { _tag: "Unavailable", message, status: 502 }, true, true, true, 502],
  ["503", { _tag: "Unavailable", message, status: 503 }, true, true, true, 503],
  ["503, soon", { _tag: "Unavailable", message, status: 503, retryAfterMillis: 2_000 }, true, true, true, 503],
  ["503, later", { _tag: "Unavailable", message, status: 503, retryAfterMillis: 2_001 }, true, true, false, 503],
  ["504", { _tag: "Unavailable", message, status: 504 }, true, true, true, 504],
  ["529", { _tag: "Unavailable", message, status: 529 }, true, true, true, 529],
  ["no connection in time", { _tag: "TimedOut", message, phase: "connect" }, true, true, true, null],
  ["no first token in time", { _tag: "TimedOut", message, phase: "first_token" }, true, true, true, null],
  ["silence", { _tag: "TimedOut", message, phase: "idle" }, true, true, false, null],
  ["the whole request too late", { _tag: "TimedOut", message, phase: "request" }, false, false, false, null],
  ["no answer in a 200", { _tag: "InvalidOutput", message }, true, true, false, 200],
  ["429", { _tag: "RateLimited", message }, true, true, false, 429],
  ["429, soon", { _tag: "RateLimited", message, retryAfterMillis: 2_000 }, true, true, true, 429],
  ["429, at once", { _tag: "RateLimited", message, retryAfterMillis: 0 }, true, true, true, 429],
  ["429, later", { _tag: "RateLimited", message, retryAfterMillis: 2_001 }, true, true, false, 429],
  ["404", { _tag: "NotServed", message, status: 404 }, true, false, false, 404],
  ["403", { _tag: "NotServed", message, status: 403 }, true, false, false, 403],
  ["401", { _tag: "Unauthenticated", message }, false, false, false, 401],
  ["402", { _tag: "CreditsExhausted", message }, false, false, false, 402],
  ["400, too long", { _tag: "ContextTooLong", message }, true, false, false, 400],
  ["400", { _tag: "Rejected", message, status: 400, code: null, param: null }, false, false, false, 400],
  ["413", { _tag: "Rejected", message, status: 413, code: null, param: null }, false, false, false, 413],
  ["422", { _tag: "Rejected", message, status: 422, code: "x", param: "y" }, false, false, false, 422],
  ["cut after the first token", { _tag: "CutOff", message }, false, true, false, 200]
]

describe("what an upstream's answer means", () => {
  it.each(table)("%s", (_, reason, canFallBack, countsForCircuit, isTransient, status) => {
    const error = new ModelError({ model: "a/one", reason })
    assert.deepStrictEqual(
      {
        canFallBack: error.canFallBack,
        countsForCircuit: error.countsForCircuit,
        isTransient: error.isTransient,
        status: error.status,
        message: error.message
      },
      { canFallBack, countsForCircuit, isTransient, status, message }
    )
  })

  it("what is tried again at once may be tried elsewhere too, and counts", () => {
    const transient = table.filter(([, reason]) => new ModelError({ model: "a/one", reason }).isTransient)
    assert.isAbove(transient.length, 0)
    assert.isTrue(transient.every(([, , canFallBack, countsForCircuit]) => canFallBack && countsForCircuit))
  })

  it("tells the wait that the upstream asked for", () => {
    const error = new ModelError({ model: "a/one", reason: { _tag: "RateLimited", message, retryAfterMillis: 7 } })
    assert.strictEqual(error.retryAfterMillis, 7)
    assert.isUndefined(new ModelError({ model: "a/one", reason: { _tag: "CutOff", message } }).retryAfterMillis)
  })
})
