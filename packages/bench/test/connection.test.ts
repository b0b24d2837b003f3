/** The load generator's own parser, fed by a server that sends exactly these pieces. */
import { createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Connection, type Outcome } from "../src/Connection.ts"

/** Answers each request with these pieces, each in a segment of its own. */
const serverOf = (pieces: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket)
        socket.on("error", () => socket.destroy())
        socket.on("data", () => {
          const send = ([piece, ...rest]: ReadonlyArray<string>): void => {
            if (piece === "close") return void socket.destroy()
            if (piece !== undefined) socket.write(piece, () => setImmediate(send, rest))
          }
          send(pieces)
        })
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }
        resume(Effect.succeed({ port, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** What two requests on one connection end in. */
const outcomes = (pieces: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { port } = yield* serverOf(pieces)
    const connection = yield* Effect.acquireRelease(
      Effect.callback<Connection>((resume) => {
        const opened = new Connection(port, () => resume(Effect.succeed(opened)))
      }),
      (open) => Effect.sync(() => open.destroy())
    )
    const ask = Effect.callback<Outcome>((resume) =>
      connection.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"), true, (outcome) => resume(Effect.succeed(outcome)))
    )
    return [yield* ask, yield* ask]
  }).pipe(Effect.scoped)

const chunkedHead = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

describe("a connection", () => {
  for (const [name, pieces, status, text] of [
    ["a body with a length", ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"], 200, "hello"],
    ["a body in pieces", ["HTTP/1.1 503 No\r\ncontent-length: 5\r\n", "\r\nhe", "llo"], 503, "hello"],
    ["an empty body", ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], 200, ""],
    ["chunks in one read", [`${chunkedHead}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`], 200, "abcde"],
    ["chunks cut anywhere", [chunkedHead, "3", "\r\nab", "c\r", "\n2\r\nde\r\n", "0\r\n\r\n"], 200, "abcde"],
    ["a last chunk that is cut", [`${chunkedHead}1\r\na\r\n0\r\n`, "\r\n"], 200, "a"]
  ] as const) {
    it.live(`reads ${name}, twice`, () =>
      Effect.gen(function* () {
        const both = yield* outcomes(pieces)
        for (const outcome of both) assert.deepInclude(outcome, { status, text })
      })
    )
  }

  it.live("tells a break", () =>
    Effect.gen(function* () {
      const [first, second] = yield* outcomes([`${chunkedHead}3\r\nab`, "close"])
      assert.property(first, "fault")
      assert.property(second, "fault")
    })
  )
})
