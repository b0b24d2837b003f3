/** Stands in for Tempo (OTLP over gRPC) and Loki (OTLP over HTTP), and keeps what the collector brings. */
import { createServer as createHttpServer } from "node:http"
import { createServer as createGrpcServer } from "node:http2"
import type { AddressInfo, Server } from "node:net"
import { gunzipSync } from "node:zlib"
import { Effect } from "effect"
import { hexIn, inside, numberIn, textIn } from "./protobuf.ts"

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  /** Keys, without values. */
  readonly attributes: ReadonlyArray<string>
  /** Of OTLP: 2 is the server's, 3 a client's. */
  readonly kind: number
}

export interface LogRecord {
  readonly body: string
  readonly traceId: string
  readonly spanId: string
  readonly severity: string
  readonly service: string
}

export interface Sink {
  /** `host:port` for OTLP over gRPC. */
  readonly tempo: string
  /** Base URL for OTLP over HTTP. */
  readonly loki: string
  readonly spans: () => ReadonlyArray<Span>
  readonly logs: () => ReadonlyArray<LogRecord>
  /** All that came, as it came, for a search. */
  readonly raw: () => Buffer
}

// opentelemetry/proto/{trace,logs,common}/v1: the numbers of the fields.
const spansOf = (request: Buffer): ReadonlyArray<Span> =>
  inside(request, 1, 2, 2).map((span) => ({
    traceId: hexIn(span, 1),
    spanId: hexIn(span, 2),
    parentId: hexIn(span, 4),
    name: textIn(span, 5),
    kind: numberIn(span, 6),
    attributes: inside(span, 9, 1).map(String)
  }))

const serviceOf = (resourceLogs: Buffer): string =>
  inside(resourceLogs, 1, 1)
    .filter((attribute) => textIn(attribute, 1) === "service.name")
    .map((attribute) => inside(attribute, 2, 1).map(String).join(""))
    .join("")

const logsOf = (request: Buffer): ReadonlyArray<LogRecord> =>
  inside(request, 1).flatMap((resourceLogs) =>
    inside(resourceLogs, 2, 2).map((record) => ({
      body: inside(record, 5, 1).map(String).join(""),
      severity: textIn(record, 3),
      traceId: hexIn(record, 9),
      spanId: hexIn(record, 10),
      service: serviceOf(resourceLogs)
    }))
  )

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      // A server that listens on TCP has an address with a port.
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(() => server.close())
  )

/** A gRPC message: one byte that says whether it is compressed, four of length, the message. */
const unframed = (body: Buffer): Buffer => {
  const message = body.subarray(5, 5 + body.readUInt32BE(1))
  return body.readUInt8(0) === 1 ? gunzipSync(message) : message
}

/** Serves until the scope closes. */
export const startSink = Effect.gen(function* () {
  const spans: Array<Span> = []
  const logs: Array<LogRecord> = []
  const raw: Array<Buffer> = []

  const grpc = createGrpcServer()
  grpc.on("stream", (stream) => {
    const pieces: Array<Buffer> = []
    stream.on("data", (piece: Buffer) => pieces.push(piece))
    stream.on("end", () => {
      const request = unframed(Buffer.concat(pieces))
      raw.push(request)
      spans.push(...spansOf(request))
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
      // An empty answer: everything was taken.
      stream.end(Buffer.alloc(5))
    })
  })

  const http = createHttpServer((request, response) => {
    const pieces: Array<Buffer> = []
    request.on("data", (piece: Buffer) => pieces.push(piece))
    request.on("end", () => {
      const body = Buffer.concat(pieces)
      const message = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
      raw.push(message)
      logs.push(...logsOf(message))
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end()
    })
  })

  const grpcPort = yield* listening(grpc)
  const httpPort = yield* listening(http)
  return {
    tempo: `127.0.0.1:${grpcPort}`,
    loki: `http://127.0.0.1:${httpPort}/otlp`,
    spans: () => spans,
    logs: () => logs,
    raw: () => Buffer.concat(raw)
  } satisfies Sink
})
