/** Every endpoint under inputs nobody meant: it answers each, in time, in the envelope, and lives on. */
import { Agent, request } from "node:http"
import { connect } from "node:net"
import { openRouterServer } from "@llm-router/testing/openRouterServer"
import { ok } from "@llm-router/testing/script"
import { Effect } from "effect"
import * as fc from "fast-check"
import { type Input, inputsFor, operationsOf } from "./fuzzInputs.ts"
import { startRouter, trialDirectory } from "./RouterProcess.ts"

export interface FuzzOptions {
  /** For each family of endpoints. */
  readonly inputs: number
  readonly seed: number
  readonly clients: number
  readonly progress: (line: string) => void
}

export interface FamilyReport {
  readonly family: string
  readonly inputs: number
  readonly statuses: Readonly<Record<string, number>>
  /** The first inputs that were answered wrongly, and how. */
  readonly faults: ReadonlyArray<string>
}

const patienceMillis = 20_000
/** How many inputs are made at once. */
const batch = 500
const faultsTold = 20

interface Reply {
  readonly status: number
  readonly text: string
}

const sent = (url: string, agent: Agent, input: Input): Effect.Effect<Reply | string> =>
  Effect.callback((resume) => {
    const call = request(
      `${url}/`,
      {
        agent,
        method: input.method,
        path: input.path,
        // Node frames no body of a GET by itself, and what is not framed is the next request.
        headers: { ...input.headers, ...(input.body === undefined ? {} : { "content-length": input.body.length }) },
        timeout: patienceMillis
      },
      (response) => {
        const parts: Array<Buffer> = []
        response.on("data", (part: Buffer) => parts.push(part))
        response.on("error", () => undefined)
        response.on("close", () =>
          resume(
            Effect.succeed(
              response.complete
                ? { status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }
                : "the answer broke off"
            )
          )
        )
      }
    )
    call.on("timeout", () => {
      resume(Effect.succeed("no answer in time"))
      call.destroy()
    })
    call.on("error", (error) => resume(Effect.succeed(error.message)))
    // A HEAD or OPTIONS may carry one, too.
    call.end(input.body)
  })

/** A circuit that was held open on purpose is no fault of ours. */
const ownFault = (status: number, code: unknown): boolean => status >= 500 && code !== "no_model_available"

const envelopeOf = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Readonly<Record<string, unknown>> }
    return typeof error?.["message"] === "string" && typeof error["type"] === "string" ? error : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with an answer. */
const faultOf = (input: Pick<Input, "method" | "path">, reply: Reply | string): string | undefined => {
  if (typeof reply === "string") return reply
  if (reply.status < 400) return undefined
  if (input.method === "HEAD") return reply.status >= 500 ? String(reply.status) : undefined
  // Health says in its own words how sick it is.
  if (input.path.startsWith("/health") && reply.status === 503) return undefined
  const error = envelopeOf(reply.text)
  if (error === undefined) return `${reply.status} without an envelope: ${reply.text.slice(0, 200)}`
  return ownFault(reply.status, error["code"]) ? `${reply.status}: ${reply.text.slice(0, 300)}` : undefined
}

const familyOf = (path: string): string =>
  path.includes("/chat/") || path === "/v1/route"
    ? "chat"
    : path.startsWith("/config")
      ? "config"
      : path.startsWith("/circuit-breaker")
        ? "circuits"
        : "reads"

/** Bytes that are HTTP, nearly HTTP, or nothing of the kind. */
const wireBytes: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom("GET", "POST", "get", "", "PRI", "\u0000", "POST "),
    fc.constantFrom("/health", "/v1/chat/completions", "*", "http://[::1", "/\u0001", "/%", ""),
    fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "", "http/1.1"),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          "host: localhost",
          "content-length: 5",
          "content-length: -1",
          "content-length: 5\r\ncontent-length: 6",
          "transfer-encoding: chunked",
          "transfer-encoding: chunked\r\ncontent-length: 3",
          "transfer-encoding: gzip, chunked",
          "expect: 100-continue",
          "expect: nonsense",
          "upgrade: websocket\r\nconnection: upgrade",
          ": empty",
          "x y: z",
          `x: ${"y".repeat(20_000)}`
        ),
        fc.string({ maxLength: 30 })
      ),
      { maxLength: 5 }
    ),
    fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Buffer.from("5\r\nhello\r\n0\r\n\r\n")))
  )
  .map(([method, path, version, lines, rest]) =>
    Buffer.concat([Buffer.from(`${[`${method} ${path} ${version}`, ...lines].join("\r\n")}\r\n\r\n`, "latin1"), rest])
  )

/** Everything that comes back; the writing side is closed at once, so that nobody waits for the rest. */
const onTheWire = (url: string, bytes: Buffer): Effect.Effect<Reply | string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const parts: Array<Buffer> = []
    socket.setTimeout(patienceMillis, () => {
      resume(Effect.succeed("no answer in time"))
      socket.destroy()
    })
    socket.on("data", (part) => parts.push(part))
    socket.on("error", () => undefined)
    socket.on("close", () => {
      const answer = Buffer.concat(parts).toString()
      const [head = "", rest = ""] = answer.split("\r\n\r\n")
      const length = /^content-length: (\d+)/im.exec(head)?.[1]
      // More than one request may have been in the bytes.
      const text = length === undefined ? rest : Buffer.from(rest).subarray(0, Number(length)).toString()
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
      // Whoever writes no HTTP may be hung up on.
      resume(Effect.succeed(answer === "" || status < 400 ? { status, text: "" } : { status, text }))
    })
    socket.end(bytes)
  })

/** Gives the family's inputs to the router, some at a time. */
const family = <A>(
  name: string,
  options: FuzzOptions,
  inputs: fc.Arbitrary<A>,
  reply: (input: A) => Effect.Effect<readonly [status: string, fault: string | undefined, shown: string]>
): Effect.Effect<FamilyReport> =>
  Effect.gen(function* () {
    const statuses: Record<string, number> = {}
    const faults: Array<string> = []
    for (let done = 0; done < options.inputs; done += batch) {
      const numRuns = Math.min(batch, options.inputs - done)
      yield* Effect.forEach(
        fc.sample(inputs, { numRuns, seed: options.seed + done }),
        (input) =>
          Effect.map(reply(input), ([status, fault, shown]) => {
            statuses[status] = (statuses[status] ?? 0) + 1
            if (fault !== undefined && faults.length < faultsTold) faults.push(`${shown}: ${fault}`)
          }),
        { concurrency: options.clients, discard: true }
      )
      if ((done / batch) % 20 === 19) options.progress(`${name}: ${done + numRuns} inputs, ${faults.length} faults`)
    }
    return { family: name, inputs: options.inputs, statuses, faults }
  })

export const fuzz = Effect.fn("fuzz")(function* (options: FuzzOptions) {
  const directory = yield* trialDirectory
  const upstream = yield* openRouterServer({
    scriptFor: () => ({ behaviour: ok({ content: "hi" }), turns: new Map() }),
    models: () => []
  })
  const router = yield* startRouter(directory, {
    OPENROUTER_API_KEY: "sk-or-v1-fuzz",
    OPENROUTER_BASE_URL: upstream,
    LOG_LEVEL: "info"
  })
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients })
  yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
  const document: unknown = yield* Effect.promise(async () => (await fetch(`${router.url}/openapi.json`)).json())
  const families = Map.groupBy(operationsOf(document), ({ path }) => familyOf(path))
  const reports: Array<FamilyReport> = []
  for (const [name, operations] of families) {
    const inputs = fc.oneof(...operations.map((operation) => inputsFor(operation, document)))
    reports.push(
      yield* family(name, options, inputs, (input) =>
        Effect.map(sent(router.url, agent, input), (reply) => [
          typeof reply === "string" ? "none" : String(reply.status),
          faultOf(input, reply),
          `${input.method} ${input.path} ${JSON.stringify(input.headers)} ${input.body?.toString().slice(0, 300) ?? ""}`
        ])
      )
    )
  }
  reports.push(
    yield* family("wire", options, wireBytes, (bytes) =>
      Effect.map(onTheWire(router.url, bytes), (reply) => [
        typeof reply === "string" ? "none" : String(reply.status),
        faultOf({ method: "WIRE", path: "" }, reply),
        JSON.stringify(bytes.toString("latin1").slice(0, 300))
      ])
    )
  )
  const alive = yield* Effect.promise(async () => (await fetch(`${router.url}/health/live`)).status)
  return { reports, alive: alive === 200, exitCode: yield* router.stop }
})
