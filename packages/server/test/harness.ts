/**
 * The real server on a real port, in front of the fake OpenRouter and the fake Ollama, which are real servers too.
 */
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Context, Effect, Layer, Result } from "effect"
import { HttpServer } from "effect/http"
import { mkdtempSync, rmSync } from "node:fs"
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { serverLayer } from "../src/layer.ts"
import { loadSettings } from "../src/settings.ts"

export class TestServer extends Context.Service<
  TestServer,
  {
    /** Origin, such as `http://127.0.0.1:41234`. */
    readonly url: string
    /** A private directory, which holds the configuration file. */
    readonly directory: string
  }
>()("@llm-router/server/test/TestServer") {}

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Short timeouts, so that a fault shows soon; a test names the ones it is about. */
const quickSettings = {
  ROUTING_MODE: "keywords",
  OPENROUTER_API_KEY: "sk-or-v1-test-key-0123456789abcdef",
  PORT: "0",
  LOG_LEVEL: "none",
  UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "5000",
  UPSTREAM_IDLE_TIMEOUT_MS: "5000",
  RETRIES_PER_MODEL: "0",
  SHUTDOWN_GRACE_MS: "100"
} as const

/**
 * The server under these settings (environment names). `prepare` writes files into its directory before it starts,
 * `arrange` sets the fakes up, such as the list of models that the server reads at its start.
 * The fakes come with it, so that a test scripts the very upstream that its server asks.
 */
export const testServer = (
  env: Readonly<Record<string, string>> = {},
  prepare: (directory: string) => void = () => undefined,
  arrange: Effect.Effect<void, never, FakeOpenRouter | FakeOllama> = Effect.void
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const ollama = yield* FakeOllama
      const directory = yield* temporaryDirectory
      const ledgerDirectory = yield* temporaryDirectory
      prepare(directory)
      yield* arrange
      const loaded = Result.getOrThrow(
        loadSettings({
          env: {
            ...quickSettings,
            OPENROUTER_BASE_URL: upstream.url,
            OLLAMA_BASE_URL: ollama.url,
            ROUTER_CONFIG_PATH: join(directory, "router_config.json"),
            LEDGER_PATH: join(ledgerDirectory, "ledger.sqlite"),
            MODEL_LIST_PATH: join(ledgerDirectory, "models.json"),
            ...env
          },
          args: []
        })
      )
      return Layer.effect(
        TestServer,
        Effect.map(HttpServer.HttpServer, ({ address }) =>
          TestServer.of({ url: HttpServer.formatAddress(address), directory })
        )
      ).pipe(Layer.provideMerge(serverLayer(loaded)))
    })
  ).pipe(Layer.provideMerge(Layer.mergeAll(Layer.fresh(FakeOpenRouter.layer), Layer.fresh(FakeOllama.layer))))

/** Runs a test against a server of its own. */
export const withServer =
  (
    env: Readonly<Record<string, string>> = {},
    prepare?: (directory: string) => void,
    arrange?: Effect.Effect<void, never, FakeOpenRouter | FakeOllama>
  ) =>
  <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.provide(test, testServer(env, prepare, arrange), { local: true })

type ChatBody = Readonly<Record<string, unknown>>

/** Posts JSON; the response is as the wire gave it. */
export const post = (path: string, body: unknown, init: RequestInit = {}) =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.promise((signal) =>
      fetch(`${url}${path}`, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        signal,
        ...init,
        headers: { "content-type": "application/json", ...init.headers }
      })
    )
  )

export const get = (path: string, init: RequestInit = {}) =>
  Effect.flatMap(TestServer, ({ url }) => Effect.promise((signal) => fetch(`${url}${path}`, { signal, ...init })))

/** One chat completion: the response with its whole text. */
export const chat = Effect.fnUntraced(function* (
  body: ChatBody,
  init: RequestInit = {},
  path = "/v1/chat/completions"
) {
  const response = yield* post(path, { messages: [{ role: "user", content: "hello" }], ...body }, init)
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, text }
})

/** The data of each event of a stream, `[DONE]` included. */
export const eventsOf = (text: string): ReadonlyArray<string> =>
  text
    .split(/\r?\n\r?\n/)
    .flatMap((event) => event.split(/\r?\n/).filter((line) => line.startsWith("data:")))
    .map((line) => line.slice("data:".length).trimStart())

/** Concatenated content deltas of a stream. */
export const contentOf = (text: string): string =>
  eventsOf(text)
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data)?.choices?.[0]?.delta?.content ?? "")
    .join("")

/** Makes a category with this chain, so that a test can name its models. */
export const setChain = (models: ReadonlyArray<string>, name = "under-test") =>
  post("/config/category", { name, models })

/** The JSON of a path; the assertions on it are its types. */
export const getJson = (path: string, init: RequestInit = {}) =>
  Effect.flatMap(get(path, init), (response) => Effect.promise(async () => JSON.parse(await response.text())))

/** Posts JSON, or asks with another method, and gives the status with the JSON that came back. */
export const postJson = Effect.fnUntraced(function* (path: string, body: unknown, init: RequestInit = {}) {
  const response = yield* post(path, body, init)
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, json: JSON.parse(text) }
})

/** The plan of a request that is not sent. */
export const planOf = (body: ChatBody, init: RequestInit = {}) =>
  Effect.map(postJson("/v1/route", body, init), ({ json }) => json)

/** One message of a human. */
export const human = (content: unknown) => [{ role: "user", content }]

/** Waits until the server has read the upstream's list of models. */
export const awaitModelList = Effect.repeat(getJson("/health"), {
  until: (health) => health.checks.models.status !== "unused"
})

/** The `circuit_breaker` of `/metrics`. */
export const circuits = Effect.map(getJson("/metrics"), (metrics) => metrics.circuit_breaker)

/** The `error` of a body. */
export const errorOf = (text: string) => JSON.parse(text).error

/** What came over the wire, piece by piece. */
export interface RawResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** One entry per read. */
  readonly reads: ReadonlyArray<Buffer>
  readonly bytes: Buffer
  readonly text: string
  /** The body ended as its framing promised. */
  readonly complete: boolean
}

interface RawOptions {
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly onRead?: (read: Buffer) => void
  /** Gets the response before a byte of it is read; nothing is read until `resume` is called. */
  readonly paused?: (resume: () => void) => void
}

/** Posts a chat by a client that changes nothing. Several parts are sent as chunks, without a length. */
export const rawChat = (parts: ReadonlyArray<string | Buffer>, options: RawOptions = {}) =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.callback<RawResponse>((resume) => {
      const call = request(
        `${url}${options.path ?? "/v1/chat/completions"}`,
        { method: "POST", agent: false, headers: { "content-type": "application/json", ...options.headers } },
        (response) => {
          const reads: Array<Buffer> = []
          response.on("error", () => undefined)
          response.on("close", () => {
            const bytes = Buffer.concat(reads)
            resume(
              Effect.succeed({
                status: response.statusCode ?? 0,
                headers: response.headers,
                reads,
                bytes,
                text: bytes.toString(),
                complete: response.complete
              })
            )
          })
          const read = () =>
            void response.on("data", (piece: Buffer) => {
              reads.push(piece)
              options.onRead?.(piece)
            })
          ;(options.paused ?? ((begin: () => void) => begin()))(read)
        }
      )
      call.on("error", (error) => resume(Effect.die(error)))
      for (const part of parts.slice(0, -1)) call.write(part)
      call.end(parts.at(-1))
      return Effect.sync(() => call.destroy())
    })
  )
