/** Sends lines as Docker's logging driver `fluentd` does: MessagePack of `[tag, time, record]` (Forward protocol, v1). */
import { connect } from "node:net"
import { Effect } from "effect"

const packedText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.writeUInt8(0xdb, 0)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

const event = (tag: string, seconds: number, record: Readonly<Record<string, string>>): Buffer => {
  const time = Buffer.alloc(5)
  time.writeUInt8(0xce, 0)
  time.writeUInt32BE(seconds, 1)
  const entries = Object.entries(record)
  return Buffer.concat([
    Buffer.from([0x93]),
    packedText(tag),
    time,
    Buffer.from([0x80 | entries.length]),
    ...entries.flatMap(([key, value]) => [packedText(key), packedText(value)])
  ])
}

export const forwardLines = (port: number, lines: ReadonlyArray<string>) =>
  Effect.callback<void>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      const seconds = Math.floor(Date.now() / 1000)
      for (const line of lines) {
        socket.write(event("llm-router", seconds, { log: line, container_name: "/llm-router-1", source: "stdout" }))
      }
      socket.end()
    })
    socket.once("error", (error) => resume(Effect.die(error)))
    socket.once("close", () => resume(Effect.void))
  })
