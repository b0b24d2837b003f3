/** A real Prometheus scrapes the router's `/metrics` with the `Accept` header it sends by itself, and keeps exemplars. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { traceOf, withCollector } from "./collector.ts"
import { chat, human, TestServer } from "./harness.ts"

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** Prometheus in a directory of its own, scraping the router every 200 ms; gives its API's origin. */
const prometheus = Effect.gen(function* () {
  const { url } = yield* TestServer
  const port = yield* freePort
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-prometheus-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  writeFileSync(
    join(directory, "prometheus.yml"),
    JSON.stringify({
      global: { scrape_interval: "200ms", scrape_timeout: "200ms" },
      scrape_configs: [{ job_name: "llm-router", static_configs: [{ targets: [new URL(url).host] }] }]
    })
  )
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "prometheus",
        [
          `--config.file=${join(directory, "prometheus.yml")}`,
          `--storage.tsdb.path=${join(directory, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`,
          "--enable-feature=exemplar-storage"
        ],
        { stdio: "ignore" }
      )
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("close", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  return `http://127.0.0.1:${port}`
})

/** The `data` of an answer of its API; nothing while it does not answer. */
const queried = (origin: string, path: string, query: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    try {
      const response = await fetch(`${origin}/api/v1/${path}?${new URLSearchParams(query)}`)
      const body: { readonly data?: unknown } = JSON.parse(await response.text())
      return JSON.stringify(body.data ?? null)
    } catch {
      return ""
    }
  })

describe("Prometheus", () => {
  it.live(
    "scrapes /metrics with its default Accept, and stores exemplars",
    ({ skip }) =>
      Effect.gen(function* () {
        if (spawnSync("prometheus", ["--version"]).error !== undefined) {
          return skip("prometheus is not installed (apt-get install prometheus)")
        }
        const origin = yield* prometheus
        const answer = yield* chat({ stream: true, messages: human("write a python quicksort") })
        const [span] = yield* traceOf(answer.headers.get("x-request-id") ?? "")
        const until = (path: string, query: Readonly<Record<string, string>>, text: string) =>
          Effect.repeat(queried(origin, path, query), { until: (data) => data.includes(text) })
        yield* until("query", { query: 'up{job="llm-router"} == 1' }, '"1"')
        const counted = yield* until(
          "query",
          { query: 'llm_router_requests_total{llm_router_outcome="success"} > 0' },
          '"1"'
        )
        assert.include(counted, '"llm_router_category":"code"')
        const exemplars = yield* until(
          "query_exemplars",
          {
            query: "gen_ai_client_operation_duration_seconds_bucket",
            start: String(Date.now() / 1000 - 600),
            end: String(Date.now() / 1000 + 600)
          },
          span?.traceId ?? ""
        )
        assert.include(exemplars, `"trace_id":"${span?.traceId}"`)
        const types = yield* until("metadata", { metric: "llm_router_cost" }, "counter")
        assert.include(types, "What calls to models cost")
      }).pipe(withCollector()),
    60_000
  )
})
