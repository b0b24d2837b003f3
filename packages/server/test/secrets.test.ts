/** No secret that the process was given ever leaves it, whatever happens: all that it printed, answered and exported. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, ok, status } from "@llm-router/testing/script"
import { Effect, Layer } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { started, workingDirectory } from "./routerProcess.ts"

const secrets = {
  upstream: "upstream-key-0123456789",
  admin: "admin-key-abcdefghij",
  client: "client-key-klmnopqrst",
  other: "other-key-uvwxyzabcd",
  collector: "collector-token-987654"
}

/** Node's own client, which sends what fetch would refuse. */
const asked = (
  url: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string }
) =>
  Effect.callback<string>((resume) => {
    const call = request(`${url}${path}`, {
      agent: false,
      method: options.method ?? "GET",
      headers: options.headers ?? {}
    })
    call.on("response", (response) => {
      const parts: Array<Buffer> = []
      response.on("error", () => {})
      response.on("data", (part: Buffer) => parts.push(part))
      response.on("close", () =>
        resume(
          Effect.succeed(
            `${response.statusCode} ${JSON.stringify(response.rawHeaders)} ${Buffer.concat(parts).toString()}`
          )
        )
      )
    })
    call.on("error", (error) => resume(Effect.succeed(String(error))))
    call.end(options.body)
  })

const filesBelow = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())

/** Everything that a user, an operator or a stranger may ask, and some that nobody should. */
const provoke = Effect.fnUntraced(function* (url: string) {
  const upstream = yield* FakeOpenRouter
  const client = { authorization: `Bearer ${secrets.client}`, "content-type": "application/json" }
  const admin = { authorization: `Bearer ${secrets.admin}`, "content-type": "application/json" }
  const chat = (body: unknown, headers: Record<string, string> = client, path = "/v1/chat/completions") =>
    asked(url, path, { method: "POST", headers, body: JSON.stringify(body) })
  const hello = { messages: [{ role: "user", content: "hello" }] }
  // An upstream that quotes the key it was sent, in every way that is passed on somewhere.
  yield* upstream.script("quotes/in-a-refusal", status(400, { message: `no such thing for ${secrets.upstream}` }))
  yield* upstream.script("quotes/a-bad-key", status(401, { message: `invalid key ${secrets.upstream}` }))
  yield* upstream.script("quotes/as-text", status(502, { body: `key ${secrets.upstream} at gateway` }))
  yield* upstream.script("quotes/and-fails", status(503, { message: `busy, ${secrets.upstream}` }))
  yield* upstream.script("cuts/off", cut(1))
  yield* upstream.script("works/well", ok())
  const answers: Array<string> = []
  for (const model of [
    "works/well",
    "cuts/off",
    "quotes/in-a-refusal",
    "quotes/a-bad-key",
    "quotes/as-text",
    "quotes/and-fails",
    "quotes/and-fails",
    "quotes/and-fails"
  ]) {
    for (const stream of [false, true]) answers.push(yield* chat({ model, stream, ...hello }))
  }
  // Requests that are no good, with keys in them.
  answers.push(
    yield* chat({ model: "nobody-knows-it", ...hello }),
    yield* chat(hello, { ...client, authorization: `Bearer ${secrets.other}x` }),
    yield* chat(hello, { ...client, authorization: `Basic ${secrets.client}` }),
    yield* chat(hello, client, `/v1/chat/completions?api_key=${secrets.client}`),
    yield* chat(hello, { ...client, "x-request-id": `not sane ${secrets.client}` }),
    yield* asked(url, `/${secrets.client}/../config?key=${secrets.admin}`, { headers: client }),
    yield* asked(url, "/v1/chat/completions", {
      method: "POST",
      headers: client,
      body: `{"messages": [${secrets.client}`
    }),
    yield* asked(url, "/config", { headers: client }),
    yield* asked(url, "/config/category", { method: "POST", headers: admin, body: `{"name":"${secrets.admin}"}` })
  )
  // What an operator looks at.
  for (const path of [
    "/config",
    "/metrics",
    "/metrics/prometheus",
    "/health",
    "/usage?group_by=key,model",
    "/v1/models"
  ]) {
    answers.push(yield* asked(url, path, { headers: path === "/v1/models" ? client : admin }))
  }
  answers.push(yield* asked(url, "/openapi.json", {}))
  return answers.join("\n")
})

describe("secrets", () => {
  it.live.each(["json", "pretty"])(
    "never leave the process (logs: %s)",
    (format) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const collector = yield* FakeCollector
        const directory = yield* workingDirectory
        const router = yield* started({
          directory,
          env: {
            OPENROUTER_API_KEY: secrets.upstream,
            OPENROUTER_BASE_URL: upstream.url,
            ROUTER_ADMIN_KEY: secrets.admin,
            ROUTER_API_KEYS: `me:${secrets.client},${secrets.other}`,
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
            OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secrets.collector}`,
            OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
            OTEL_METRIC_EXPORT_INTERVAL: "200",
            LOG_FORMAT: format,
            LOG_LEVEL: "trace",
            RETRIES_PER_MODEL: "0"
          }
        })
        const answers = yield* provoke(router.url)
        assert.include(answers, "Hello from works/well")
        // The collector refuses, with the token in its answer.
        yield* collector.behave(401)
        yield* asked(router.url, "/v1/chat/completions", { method: "POST", body: "{}" })
        router.signal("SIGTERM")
        const { code, stderr, stdout } = yield* router.ended
        assert.strictEqual(code, 0)
        const exported = collector.requests().map(({ body }) => body.toString())
        assert.isAtLeast(collector.spans().length, 20)
        assert.strictEqual(collector.requests()[0]?.headers["authorization"], `Bearer ${secrets.collector}`)
        const kept = filesBelow(directory).map((path) => readFileSync(path, "latin1"))
        assert.isAtLeast(kept.length, 2)
        const places = { stdout, stderr, answers, exported: exported.join("\n"), kept: kept.join("\n") }
        const leaks = Object.entries(places).flatMap(([place, text]) =>
          Object.entries(secrets).flatMap(([name, secret]) =>
            text.includes(secret)
              ? [
                  `${name} in ${place}: …${text.slice(Math.max(0, text.indexOf(secret) - 150), text.indexOf(secret) + 40)}`
                ]
              : []
          )
        )
        assert.deepStrictEqual(leaks, [])
      }).pipe((test) =>
        Effect.provide(test, Layer.mergeAll(Layer.fresh(FakeOpenRouter.layer), Layer.fresh(FakeCollector.layer)), {
          local: true
        })
      ),
    60_000
  )
})
