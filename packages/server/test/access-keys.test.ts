/** Who may call what (spec 12). */
import { request } from "node:http"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { chat, get, getJson, human, post, TestServer, testServer, withServer } from "./harness.ts"

const clientKey = "client-key-0123456789"
const bareKey = "bare-key-0123456789"
const adminKey = "admin-key-0123456789"
const upstreamKey = "sk-or-v1-test-key-0123456789abcdef"

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const apiKey = (key: string) => ({ "x-api-key": key })
const chatBody = { messages: human("hi") }

type Call = (headers: Readonly<Record<string, string>>) => Effect.Effect<Response, never, TestServer>

const clientCalls: ReadonlyArray<readonly [what: string, call: Call]> = [
  ["POST /v1/chat/completions", (headers) => post("/v1/chat/completions", chatBody, { headers })],
  ["POST /chat/completions", (headers) => post("/chat/completions", { ...chatBody, stream: true }, { headers })],
  ["POST /v1/route", (headers) => post("/v1/route", chatBody, { headers })],
  ["GET /v1/models", (headers) => get("/v1/models", { headers })],
  ["GET /models", (headers) => get("/models", { headers })]
]

const adminCalls: ReadonlyArray<readonly [what: string, call: Call]> = [
  ["GET /config", (headers) => get("/config", { headers })],
  ["POST /config/category", (headers) => post("/config/category", { name: "mine", models: ["a/one"] }, { headers })],
  [
    "POST /config/model-mapping",
    (headers) => post("/config/model-mapping", { category: "code", models: ["a/one"] }, { headers })
  ],
  ["DELETE /config/category/mine", (headers) => get("/config/category/mine", { method: "DELETE", headers })],
  ["POST /circuit-breaker/reset/z-ai/glm-5", (headers) => post("/circuit-breaker/reset/z-ai/glm-5", {}, { headers })],
  ["POST /circuit-breaker/reset-all", (headers) => post("/circuit-breaker/reset-all", {}, { headers })],
  ["POST /circuit-breaker/open/z-ai/glm-5", (headers) => post("/circuit-breaker/open/z-ai/glm-5", {}, { headers })],
  ["GET /metrics", (headers) => get("/metrics", { headers })]
]

const openPaths = ["/health", "/health/live", "/health/ready", "/openapi.json", "/docs"]

const errorFrom = (response: Response) =>
  Effect.promise(async () => JSON.parse(await response.text()).error as { type: string; code: string; message: string })

/** A request whose `Host` header is as given, which `fetch` does not allow. */
const withHost = (path: string, headers: Readonly<Record<string, string>>, method = "GET") =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.callback<{ status: number; text: string }>((resume) => {
      const call = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
        let text = ""
        response.on("data", (piece: Buffer) => {
          text += piece.toString()
        })
        response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, text })))
      })
      call.end()
    })
  )

const keyed = testServer({ ROUTER_API_KEYS: `team-a:${clientKey}, ${bareKey}`, ROUTER_ADMIN_KEY: adminKey })

layer(keyed, { excludeTestServices: true })("with keys", (shared) => {
  describe("a client endpoint", () => {
    shared.effect.each([...clientCalls])("%s wants one of the client keys", ([, call]) =>
      Effect.gen(function* () {
        for (const headers of [bearer(clientKey), bearer(bareKey), apiKey(clientKey), apiKey(bareKey)]) {
          assert.strictEqual((yield* call(headers)).status, 200)
        }
        for (const headers of [
          {},
          bearer(""),
          bearer("wrong"),
          bearer(clientKey.slice(0, -1)),
          bearer(`${clientKey}x`),
          bearer(clientKey.toUpperCase()),
          bearer(`team-a:${clientKey}`),
          bearer("team-a"),
          bearer(adminKey),
          bearer(upstreamKey),
          apiKey(""),
          apiKey("wrong"),
          { authorization: clientKey },
          { authorization: `Basic ${clientKey}` },
          { authorization: `Bearer ${clientKey} ${clientKey}` },
          { cookie: `authorization=${clientKey}` }
        ]) {
          const response = yield* call(headers)
          assert.strictEqual(response.status, 401, JSON.stringify(headers))
          assert.match(response.headers.get("x-request-id") ?? "", /^[\w.:-]+$/)
          const error = yield* errorFrom(response)
          assert.strictEqual(error.type, "authentication_error")
          assert.notInclude(error.message, clientKey)
        }
      })
    )

    shared.effect("takes the scheme in any case", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          (yield* get("/v1/models", { headers: { authorization: `bearer ${clientKey}` } })).status,
          200
        )
        assert.strictEqual(
          (yield* get("/v1/models", { headers: { authorization: `BEARER  ${clientKey}` } })).status,
          200
        )
      })
    )

    shared.effect("with a key may be called from a web page and under any name", () =>
      Effect.gen(function* () {
        const { status } = yield* withHost("/v1/models", {
          host: "router.example.com",
          origin: "https://app.example.com",
          ...bearer(clientKey)
        })
        assert.strictEqual(status, 200)
      })
    )
  })

  describe("an admin endpoint", () => {
    shared.effect.each([...adminCalls])("%s wants the admin key, and no client key opens it", ([, call]) =>
      Effect.gen(function* () {
        for (const headers of [{}, bearer(clientKey), apiKey(bareKey), bearer("wrong"), bearer(upstreamKey)]) {
          const response = yield* call(headers)
          assert.strictEqual(response.status, 401)
          assert.strictEqual((yield* errorFrom(response)).type, "authentication_error")
        }
        assert.include([200, 201, 404], (yield* call(bearer(adminKey))).status)
        assert.include([200, 201, 404], (yield* call(apiKey(adminKey))).status)
      })
    )

    shared.effect("changes nothing without its key", () =>
      Effect.gen(function* () {
        yield* post("/config/category", { name: "intruder", models: ["a/one"] }, { headers: bearer(clientKey) })
        const config = yield* getJson("/config", { headers: bearer(adminKey) })
        assert.notProperty(config.categories, "intruder")
      })
    )
  })

  shared.effect.each(openPaths)("%s wants none", (path) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get(path)).status, 200)
      assert.strictEqual((yield* withHost(path, { host: "router.example.com" })).status, 200)
    })
  )

  shared.effect("no key is in what the server tells", () =>
    Effect.gen(function* () {
      const headers = bearer(adminKey)
      const told = yield* Effect.all([
        getJson("/config", { headers }),
        getJson("/metrics", { headers }),
        getJson("/health"),
        getJson("/openapi.json"),
        getJson("/v1/models", { headers: bearer(clientKey) }),
        Effect.flatMap(get("/config", { headers: bearer("wrong-key-9876543210") }), errorFrom)
      ])
      for (const key of [clientKey, bareKey, adminKey, upstreamKey, "wrong-key-9876543210"]) {
        assert.notInclude(JSON.stringify(told), key)
      }
      const [config] = told
      assert.deepStrictEqual(config.settings.ROUTER_ADMIN_KEY.value, "set")
      assert.deepStrictEqual(config.settings.ROUTER_API_KEYS.value, "set")
      assert.deepStrictEqual(config.settings.OPENROUTER_API_KEY.value, "set")
    })
  )
})

describe("the security schemes of /openapi.json", () => {
  it.live("are what opens the endpoints", () =>
    Effect.gen(function* () {
      const { components, paths } = yield* getJson("/openapi.json")
      const keys: Readonly<Record<string, string>> = {
        clientBearer: clientKey,
        clientHeader: clientKey,
        adminBearer: adminKey,
        adminHeader: adminKey
      }
      for (const path of ["/v1/models", "/config", "/metrics", "/usage"]) {
        const requirements: ReadonlyArray<object> = paths[path].get.security
        const schemes = requirements.flatMap((requirement) => Object.keys(requirement))
        assert.lengthOf(schemes, 2)
        assert.strictEqual((yield* get(path)).status, 401)
        for (const scheme of schemes) {
          const { in: place, name, scheme: kind, type } = components.securitySchemes[scheme]
          const key = keys[scheme] ?? ""
          const headers = type === "http" ? { authorization: `${kind} ${key}` } : { [name]: key }
          assert.strictEqual(place ?? "header", "header")
          assert.strictEqual((yield* get(path, { headers })).status, 200, `${path} by ${scheme}`)
        }
      }
    }).pipe(Effect.provide(keyed, { local: true }))
  )
})

const foreignOrigins = [
  "https://evil.example",
  "http://127.0.0.1.evil.example",
  "http://localhost.evil.example",
  "https://evil.example:3456",
  "http://evil.example#localhost",
  "http://localhost@evil.example",
  "null",
  "file://",
  ""
]
const foreignHosts = [
  "evil.example",
  "evil.example:3456",
  "127.0.0.1.nip.io",
  "localhost.evil.example",
  "192.168.0.7",
  "0.0.0.0",
  "[::2]",
  "evil.example, localhost"
]
const ourNames = [
  "localhost",
  "localhost:3456",
  "127.0.0.1",
  "127.0.0.1:3456",
  "127.1.2.3",
  "[::1]",
  "[::1]:3456",
  "LOCALHOST"
]

layer(testServer(), { excludeTestServices: true })("without keys", (shared) => {
  describe("a foreign Origin is 403", () => {
    shared.effect.each(foreignOrigins)("%j", (origin) =>
      Effect.gen(function* () {
        for (const [, call] of [...clientCalls, ...adminCalls]) {
          const response = yield* call({ origin })
          assert.strictEqual(response.status, 403)
          const error = yield* errorFrom(response)
          assert.strictEqual(error.type, "permission_error")
          assert.isNull(response.headers.get("access-control-allow-origin"))
        }
      })
    )
  })

  describe("a foreign Host is 403", () => {
    shared.effect.each(foreignHosts)("%s", (host) =>
      Effect.gen(function* () {
        for (const [path, method] of [
          ["/config", "GET"],
          ["/metrics", "GET"],
          ["/v1/models", "GET"],
          ["/circuit-breaker/reset-all", "POST"],
          ["/config/category/code", "DELETE"]
        ] as const) {
          const answer = yield* withHost(path, { host }, method)
          assert.strictEqual(answer.status, 403, path)
          assert.strictEqual(JSON.parse(answer.text).error.code, "forbidden")
        }
      })
    )
  })

  shared.effect.each(ourNames)("the name %s is this machine's", (host) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* withHost("/config", { host })).status, 200)
      assert.strictEqual((yield* withHost("/config", { host, origin: `http://${host}` })).status, 200)
      assert.strictEqual((yield* withHost("/v1/models", { host, origin: `https://${host}` })).status, 200)
    })
  )

  shared.effect("a key that nobody asked for does no harm", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/config", { headers: bearer("anything") })).status, 200)
      assert.strictEqual((yield* get("/v1/models", { headers: apiKey("anything") })).status, 200)
    })
  )

  shared.effect("a simple form of a web page changes nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* TestServer
      const response = yield* Effect.promise(() =>
        fetch(`${url}/config/category`, {
          method: "POST",
          headers: { "content-type": "text/plain" },
          body: '{"name":"intruder","models":["a/one"]}'
        })
      )
      assert.strictEqual(response.status, 415)
      assert.notProperty((yield* getJson("/config")).categories, "intruder")
    })
  )
})

describe("one kind of key alone", () => {
  it.live("client keys leave the admin endpoints to this machine", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/config")).status, 200)
      assert.strictEqual((yield* get("/config", { headers: { origin: "https://evil.example" } })).status, 403)
      assert.strictEqual((yield* get("/v1/models")).status, 401)
    }).pipe(withServer({ ROUTER_API_KEYS: clientKey }))
  )

  it.live("an admin key leaves the client endpoints open to this machine", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/config")).status, 401)
      assert.strictEqual((yield* chat({})).status, 200)
      assert.strictEqual((yield* get("/v1/models", { headers: { origin: "https://evil.example" } })).status, 403)
    }).pipe(withServer({ ROUTER_ADMIN_KEY: adminKey }))
  )

  it.live("ROUTER_ALLOW_ANONYMOUS serves clients under any name, and the admin endpoints to this machine", () =>
    Effect.gen(function* () {
      const foreign = { host: "router.example.com", origin: "https://app.example.com" }
      assert.strictEqual((yield* withHost("/v1/models", foreign)).status, 200)
      assert.strictEqual((yield* withHost("/config", foreign)).status, 403)
      assert.strictEqual((yield* get("/config")).status, 200)
    }).pipe(withServer({ ROUTER_ALLOW_ANONYMOUS: "true" }))
  )
})
