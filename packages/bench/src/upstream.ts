/**
 * The upstream of a run, a process of its own: a bare TCP server that answers with prepared bytes, so that it is not
 * what limits a contestant. A model's name and the request's `user` say what to do:
 *
 *   model `.../fail-404`, `.../fail-500`   that status
 *   user `slow-50`                         waits 50 ms
 *   user `paced-10`                        10 ms between the events of a stream
 *   user `endless-50`                      a stream that goes on, with an event each 50 ms, until its client leaves
 */
import { createServer, type Socket } from "node:net"
import { answers, classifyingModel, contentChunks, lastChunks, streamHead, wholeStream } from "./answers.ts"
import { RequestReader } from "./RequestReader.ts"

/** Endless streams take turns on one timer, so that their events do not come in bursts. */
const beatMillis = 5

class EndlessStreams {
  readonly #slots = new Map<number, ReadonlyArray<Set<Socket>>>()
  #added = 0
  #beat = 0

  constructor() {
    setInterval(() => this.#send(), beatMillis)
  }

  add(socket: Socket, everyMillis: number): void {
    const count = Math.max(1, Math.round(everyMillis / beatMillis))
    const slots = this.#slots.get(count) ?? Array.from({ length: count }, () => new Set<Socket>())
    this.#slots.set(count, slots)
    const slot = slots[this.#added++ % count]
    slot?.add(socket)
    socket.once("close", () => slot?.delete(socket))
  }

  #send(): void {
    this.#beat++
    for (const [count, slots] of this.#slots) {
      for (const socket of slots[this.#beat % count] ?? []) socket.write(contentChunks[1] ?? "")
    }
  }
}

const endless = new EndlessStreams()
let calls = 0

const paced = (socket: Socket, gapMillis: number, index = 0): void => {
  if (socket.destroyed) return
  socket.write(contentChunks[index] ?? lastChunks)
  if (index < contentChunks.length) setTimeout(paced, gapMillis, socket, gapMillis, index + 1)
}

const stream = (socket: Socket, manner: string): void => {
  const [kind = "", millis = "0"] = manner.split("-")
  if (kind !== "paced" && kind !== "endless") return void socket.write(wholeStream)
  socket.write(streamHead)
  if (kind === "paced") return paced(socket, Number(millis))
  socket.write(contentChunks[0] ?? "")
  endless.add(socket, Number(millis))
}

const chat = (socket: Socket, path: string, body: Buffer): void => {
  calls++
  const model = textAfter(body, modelField)
  if (path.includes("fail-500") || model.endsWith("fail-500")) return void socket.write(answers.internalError)
  if (path.includes("fail-404") || model.endsWith("fail-404")) return void socket.write(answers.notFound)
  if (model === classifyingModel) return void socket.write(answers.classification)
  const manner = textAfter(body, userField)
  if (body.includes(streamField)) return stream(socket, manner)
  if (!manner.startsWith("slow-")) return void socket.write(answers.completion)
  setTimeout(() => socket.destroyed || socket.write(answers.completion), Number(manner.slice("slow-".length)))
}

const modelField = Buffer.from('"model":"')
const userField = Buffer.from('"user":"')
const streamField = Buffer.from('"stream":true')

const textAfter = (body: Buffer, field: Buffer): string => {
  const start = body.indexOf(field)
  if (start < 0) return ""
  const from = start + field.length
  return body.toString("latin1", from, body.indexOf(0x22, from))
}

const respond = (socket: Socket, path: string, body: Buffer): void => {
  if (path.endsWith("/chat/completions")) return chat(socket, path, body)
  if (path.endsWith("/api/chat")) return void socket.write(answers.ollama)
  // Telemetry that a contestant exports is taken and forgotten.
  socket.write(path.endsWith("/models") ? answers.models : answers.accepted)
}

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new RequestReader((path, body) => respond(socket, path, body))
  socket.on("data", (read) => reader.read(read))
  // A client that leaves in the middle is part of the work.
  socket.on("error", () => socket.destroy())
})

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  const address = server.address()
  if (typeof address === "object" && address !== null) process.send?.({ port: address.port })
})
process.on("message", () => process.send?.({ calls }))
process.on("disconnect", () => process.exit(0))
