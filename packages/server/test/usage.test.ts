/** `/usage` over HTTP: sums, groups, times, CSV, and what it refuses. */
import { UsageView } from "@llm-router/api/UsageApi"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { chat, errorOf, get, getJson, setChain, withServer } from "./harness.ts"

/** Three answers of one model, one of another behind a failure, and one that failed altogether. */
const load = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  yield* setChain(["a/one", "b/two"], "pair")
  yield* setChain(["c/broken"], "lone")
  yield* upstream.script("a/one", status(404))
  yield* upstream.script("c/broken", status(404))
  yield* upstream.script("b/two", ok({ usage: { prompt_tokens: 10, completion_tokens: 5, cost: 0.25 } }))
  yield* upstream.script("openai/gpt-4o", ok({ usage: { prompt_tokens: 100, completion_tokens: 7, cost: 0.1 } }))
  for (let turn = 0; turn < 3; turn++) yield* chat({ model: "openai/gpt-4o", stream: turn % 2 === 0 })
  yield* chat({ model: "pair" })
  yield* chat({ model: "lone" })
})

const rowsBy = (rows: ReadonlyArray<Record<string, unknown>>, name: string) =>
  Object.fromEntries(rows.map((row) => [row[name], row]))

describe("/usage", () => {
  it.live("sums everything, exactly", () =>
    Effect.gen(function* () {
      yield* load
      const usage = yield* getJson("/usage")
      assert.deepInclude(usage.totals, {
        requests: 5,
        requests_ok: 4,
        attempts: 6,
        ok: 4,
        failed: 2,
        input_tokens: 310,
        output_tokens: 26,
        cost_usd: 0.55,
        cost_usd_exact: "0.55",
        wasted_usd: 0,
        reported: 4
      })
    }).pipe(withServer())
  )

  it.live.each([true, false])("has what a rejected answer reported to have cost, stream %s", (stream) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      const empty = ok({ content: "", chunks: [], usage: { prompt_tokens: 1_000, completion_tokens: 7, cost: 0.5 } })
      yield* upstream.script("a/one", empty)
      yield* upstream.script("b/two", ok({ usage: { prompt_tokens: 10, completion_tokens: 5, cost: 0.25 } }))
      assert.strictEqual((yield* chat({ model: "pair", stream })).status, 200)
      const { totals } = yield* getJson("/usage")
      const expected = { attempts: 2, failed: 1, cut: 0, reported: 2, input_tokens: 1_010, output_tokens: 12 }
      assert.deepInclude(totals, { ...expected, cost_usd: 0.75 })
    }).pipe(withServer())
  )

  it.live.each([
    ["a tool call", true, { toolCalls: [{ name: "write", arguments: JSON.stringify("x".repeat(4_000)) }] }],
    ["a tool call", false, { toolCalls: [{ name: "write", arguments: JSON.stringify("x".repeat(4_000)) }] }],
    ["a thought", true, { content: "", reasoning: "x".repeat(4_000) }],
    ["a thought", false, { content: "", reasoning: "x".repeat(4_000) }]
  ] as const)("estimates an answer without usage that is %s, stream %s", ([, stream, options]) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("openai/gpt-4o", ok({ ...options, usage: false }))
      yield* chat({ model: "openai/gpt-4o", stream })
      const { totals } = yield* getJson("/usage")
      assert.deepInclude(totals, { ok: 1, estimated: 1 })
      assert.closeTo(totals.output_tokens, 1_000, 150)
    }).pipe(withServer())
  )

  it.live("is what the API describes, and nothing else", () =>
    Effect.gen(function* () {
      yield* load
      const strictly = Schema.decodeUnknownEffect(UsageView, { onExcessProperty: "error" })
      for (const path of ["/usage", "/usage?group_by=model,error,hour&from=2020-01-01"]) {
        const view = yield* strictly(yield* getJson(path))
        assert.isAbove(view.rows.length, 0)
      }
    }).pipe(withServer())
  )

  it.live("groups by several at once", () =>
    Effect.gen(function* () {
      yield* load
      const { group_by, rows } = yield* getJson("/usage?group_by=model,category")
      assert.deepStrictEqual(group_by, ["model", "category"])
      const byModel = rowsBy(rows, "model")
      assert.deepInclude(byModel["openai/gpt-4o"], { category: "direct", ok: 3, cost_usd: 0.3 })
      assert.deepInclude(byModel["b/two"], { category: "pair", ok: 1, cost_usd: 0.25 })
      assert.deepInclude(byModel["a/one"], { category: "pair", failed: 1, cost_usd: 0 })
    }).pipe(withServer())
  )

  it.live.each(["model", "category", "source", "day", "hour", "key", "purpose", "error"])(
    "the rows of group_by=%s add up to the totals",
    (dimension) =>
      Effect.gen(function* () {
        yield* load
        const { rows, totals } = yield* getJson(`/usage?group_by=${dimension}`)
        const sum = (name: string) =>
          rows.reduce((all: number, row: Record<string, number>) => all + (row[name] ?? 0), 0)
        assert.strictEqual(sum("attempts"), totals.attempts)
        assert.strictEqual(sum("input_tokens"), totals.input_tokens)
        assert.approximately(sum("cost_usd"), totals.cost_usd, 1e-12)
      }).pipe(withServer())
  )

  it.live("is of the time asked for", () =>
    Effect.gen(function* () {
      yield* load
      assert.strictEqual((yield* getJson("/usage?to=2020-01-01")).totals.attempts, 0)
      const since = yield* getJson("/usage?from=2020-01-01T00:00:00Z")
      assert.strictEqual(since.from, "2020-01-01T00:00:00.000Z")
      assert.strictEqual(since.totals.attempts, 6)
    }).pipe(withServer())
  )

  it.live("says which whole hours were summed up", () =>
    Effect.gen(function* () {
      const { from, to } = yield* getJson("/usage?from=2026-11-22T13:10:00Z&to=2026-11-22T15:00:01Z")
      assert.deepStrictEqual([from, to], ["2026-11-22T13:00:00.000Z", "2026-11-22T16:00:00.000Z"])
    }).pipe(withServer())
  )

  it.live.each([
    ["text/csv, application/json;q=0.5", "text/csv"],
    ["Text/CSV", "text/csv"],
    ["text/csv;q=0.1, application/json", "application/json"],
    ["text/csv;q=0", "application/json"],
    ["*/*", "application/json"]
  ] as const)("for whoever accepts %s is %s", ([accept, type]) =>
    Effect.gen(function* () {
      const response = yield* get("/usage", { headers: { accept } })
      assert.strictEqual(response.headers.get("content-type")?.split(";")[0], type)
    }).pipe(withServer())
  )

  it.live("is CSV for those who accept it", () =>
    Effect.gen(function* () {
      yield* load
      const response = yield* get("/usage?group_by=model", { headers: { accept: "text/csv" } })
      assert.match(response.headers.get("content-type") ?? "", /^text\/csv/)
      const lines = (yield* Effect.promise(() => response.text())).trimEnd().split("\r\n")
      assert.match(lines[0] ?? "", /^model,requests,requests_ok,attempts,/)
      assert.strictEqual(lines.length, 5)
      assert.isTrue(lines.some((line) => line.startsWith("openai/gpt-4o,")))
    }).pipe(withServer())
  )

  it.live.each([
    ["from=yesterday", "from"],
    ["to=2026-13-45", "to"],
    ["from=2026-02-30", "from"],
    ["from=2026-02-30T10:00:00Z", "from"],
    ["from=2026-02-01&to=2026-01-01", "to"],
    ["group_by=model,colour", "group_by"],
    ["from=1700000000000", "from"]
  ])("refuses %s and names the parameter", ([query, param]) =>
    Effect.gen(function* () {
      const response = yield* get(`/usage?${query}`)
      assert.strictEqual(response.status, 400)
      const error = errorOf(yield* Effect.promise(() => response.text()))
      assert.strictEqual(error.param, param)
      assert.strictEqual(error.type, "invalid_request_error")
    }).pipe(withServer())
  )
})
