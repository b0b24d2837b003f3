/** A client that saw a whole answer finds its entry in the ledger, whenever the process was killed; money is exact. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { decimalOf } from "@llm-router/domain/Money"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, sequence, slow, status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type RouterProcess, started, workingDirectory } from "./routerProcess.ts"

const clients = 16
const rounds = 20

const environment = (upstreamUrl: string, directory: string) => ({
  OPENROUTER_BASE_URL: upstreamUrl,
  OPENROUTER_API_KEY: "sk-or-v1-test-key-0123456789abcdef",
  LEDGER_PATH: join(directory, "ledger.sqlite"),
  RETRIES_PER_MODEL: "0",
  LOG_LEVEL: "info"
})

/** One request; its id when its answer came whole, `undefined` when it was cut by the end of the process. */
const ask = async (url: string, id: string, model: string, stream: boolean): Promise<string | undefined> => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": id },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hello" }] })
  })
  const text = await response.text()
  const whole = stream ? text.endsWith("data: [DONE]\n\n") : JSON.parse(text).choices.length === 1
  return response.status === 200 && whole ? id : undefined
}

/** Sixteen clients at once, streamed and not, until the process dies; the ids whose answers came whole. */
const killedUnderLoad = ({ signal, url }: RouterProcess, round: number, answersBeforeKill: number) =>
  Effect.promise(async () => {
    const seen: Array<string> = []
    const client = async (number: number): Promise<void> => {
      for (let turn = 0; ; turn++) {
        const id = `r${round}-c${number}-t${turn}`
        const whole = await ask(url, id, "openai/gpt-4o-mini", (number + turn) % 2 === 0)
        if (whole !== undefined) seen.push(whole)
        if (seen.length === answersBeforeKill) signal("SIGKILL")
      }
    }
    await Promise.allSettled(Array.from({ length: clients }, (_, number) => client(number)))
    return seen
  })

const idsIn = (path: string, table: "attempts" | "requests"): ReadonlySet<unknown> => {
  const db = new DatabaseSync(path, { readOnly: true })
  const ids = new Set(
    db
      .prepare(`SELECT request_id FROM ${table}`)
      .all()
      .map((row) => row["request_id"])
  )
  db.close()
  return ids
}

describe("a process killed under load", () => {
  it.live(
    `has the entry of every answer that a client saw whole (${rounds} times, ${clients} clients)`,
    () =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const directory = yield* workingDirectory
        const env = environment(upstream.url, directory)
        const seen: Array<string> = []
        for (let round = 0; round < rounds; round++) {
          const router = yield* started({ directory, env })
          seen.push(...(yield* killedUnderLoad(router, round, 7 + 13 * (round % 5))))
          assert.strictEqual((yield* router.ended).signal, "SIGKILL")
        }
        // One more start: what a kill left behind is read as it will be.
        yield* Effect.scoped(started({ directory, env }))
        for (const table of ["attempts", "requests"] as const) {
          const kept = idsIn(env.LEDGER_PATH, table)
          assert.deepStrictEqual(
            seen.filter((id) => !kept.has(id)),
            [],
            `lost from ${table}`
          )
        }
        assert.isAtLeast(seen.length, rounds * 7)
      }).pipe(Effect.provide(FakeOpenRouter.layer)),
    180_000
  )
})

describe("the sum of all costs", () => {
  it.live(
    "is the upstream's own to the pico-dollar, over a restart",
    () =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const directory = yield* workingDirectory
        const env = environment(upstream.url, directory)
        yield* upstream.script(
          "openai/gpt-4o",
          sequence([
            ok({ usage: { cost: 0.000000000001 } }),
            ok({ usage: { cost: 0.1 } }),
            ok({ usage: { cost: 0.2 } }),
            slow(5)
          ])
        )
        yield* upstream.script("z-ai/glm-5", status(503))
        const load = (url: string, name: string) =>
          Effect.promise(() =>
            Promise.all(
              Array.from({ length: 60 }, (_, index) =>
                ask(url, `${name}-${index}`, index % 3 === 0 ? "code" : "openai/gpt-4o", index % 2 === 0)
              )
            )
          )
        const first = yield* started({ directory, env })
        yield* load(first.url, "first")
        first.signal("SIGTERM")
        assert.strictEqual((yield* first.ended).code, 0)
        const second = yield* started({ directory, env })
        yield* load(second.url, "second")
        const { totals } = yield* Effect.promise(
          async () => (await (await fetch(`${second.url}/usage`)).json()) as { totals: Record<string, unknown> }
        )
        assert.strictEqual(totals["cost_usd_exact"], decimalOf(yield* upstream.charged))
        assert.strictEqual(totals["requests"], 120)
      }).pipe(Effect.provide(FakeOpenRouter.layer)),
    60_000
  )
})
