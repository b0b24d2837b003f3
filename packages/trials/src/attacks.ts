/** Clients that mean harm: each attack is what one socket does once it is connected. */
import type { Socket } from "node:net"

/** Gives what stops it. */
type Attack = (socket: Socket) => () => void

const dripping = (socket: Socket, text: string) => {
  const timer = setInterval(() => socket.writable && socket.write(text), 500)
  return () => clearInterval(timer)
}

const head = (more: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}`

const nothing = () => undefined

/** Heads that never end. */
const slowHeads: Attack = (socket) => {
  socket.write(head(""))
  return dripping(socket, "x-a: b\r\n")
}

/** Bodies that never end. */
const slowBodies: Attack = (socket) => {
  socket.write(head("content-length: 1000000\r\n\r\n{"))
  return dripping(socket, " ")
}

const megabyte = Buffer.alloc(1024 * 1024, 0x20)
const mostMegabytes = 40

/** A megabyte each time the socket takes one, whatever is answered. */
const pouring = (socket: Socket, piece: ReadonlyArray<Buffer | string>) => {
  let sent = 0
  const more = () => {
    while (socket.writable && sent++ < mostMegabytes) {
      let taken = true
      for (const part of piece) taken = socket.write(part)
      if (!taken) return
    }
  }
  socket.on("drain", more)
  more()
  return nothing
}

/** Bodies that are larger than they may be, which shows only as they come. */
const largeBodies: Attack = (socket) => {
  socket.write(head("transfer-encoding: chunked\r\n\r\n"))
  return pouring(socket, ["100000\r\n", megabyte, "\r\n"])
}

/** Bodies that say that they are larger than they may be, and come all the same. */
const announcedBodies: Attack = (socket) => {
  socket.write(head(`content-length: ${mostMegabytes * megabyte.length}\r\n\r\n`))
  return pouring(socket, [megabyte])
}

const deep = `{"messages":[{"role":"user","content":"x"}],"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`

/** JSON that is nested 200,000 levels deep. */
const deepJson: Attack = (socket) => {
  socket.write(head(`connection: close\r\ncontent-length: ${deep.length}\r\n\r\n`))
  socket.write(deep)
  return nothing
}

/** Some 60 KB of headers. */
const manyHeaders: Attack = (socket) => {
  socket.write(head(Array.from({ length: 4_000 }, (_, index) => `x-${index}: ${index}\r\n`).join("")))
  return nothing
}

/** As many headers as fit into the bytes that they may have, again and again on one connection. */
const shortHeaders: Attack = (socket) => {
  const request = `GET /health/live HTTP/1.1\r\nhost: localhost\r\n${"a:\r\n".repeat(3_500)}\r\n`
  socket.on("data", () => socket.writable && socket.write(request))
  socket.write(request)
  return nothing
}

export const attacks = {
  "slow heads": slowHeads,
  "slow bodies": slowBodies,
  "large bodies": largeBodies,
  "announced large bodies": announcedBodies,
  "deep JSON": deepJson,
  "many headers": manyHeaders,
  "short headers": shortHeaders
} as const satisfies Readonly<Record<string, Attack>>

export type AttackName = keyof typeof attacks

// The keys of the object above, which has no others.
export const attackNames = Object.keys(attacks) as ReadonlyArray<AttackName>
