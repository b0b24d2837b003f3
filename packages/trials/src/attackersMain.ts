/** The process of `attackers.ts`: sockets that come back whenever they are hung up on. */
import { connect, type Socket } from "node:net"
import { constants, setPriority } from "node:os"
import type { Tally } from "./attackers.ts"
import { attacks } from "./attacks.ts"

/** Longer than any round; an attack that was forgotten ends by itself. */
const longestMillis = 180_000
const tallyMillis = 200
/** At random, since hundreds of clients do not keep time with each other. */
const backAfterMillis = () => 500 + Math.random() * 1_000

const [name = "", url = "", sockets = ""] = process.argv.slice(2)
const attack = Object.entries(attacks).find(([known]) => known === name)?.[1]
if (attack === undefined) throw new TypeError(`no attack is called ${name}`)
const { hostname, port } = new URL(url)

setPriority(constants.priority.PRIORITY_LOW)
setTimeout(() => process.exit(), longestMillis).unref()
process.once("disconnect", () => process.exit())

const startedAt = performance.now()
const answers: Record<string, number> = {}
let connections = 0
const open = new Set<Socket>()
let closedBytes = 0

const come = () => {
  const socket = connect(Number(port), hostname)
  open.add(socket)
  let stop: () => void = () => undefined
  socket.on("connect", () => {
    connections++
    stop = attack(socket)
  })
  // What comes back is read, so that the answer is not what holds the attacker up.
  socket.on("data", (piece) => {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(piece.toString("latin1", 0, 20))?.[1]
    if (status !== undefined) answers[status] = (answers[status] ?? 0) + 1
  })
  socket.on("error", () => undefined)
  socket.on("close", () => {
    stop()
    open.delete(socket)
    closedBytes += socket.bytesWritten
    setTimeout(come, backAfterMillis())
  })
}

for (let index = 0; index < Number(sockets); index++) come()

setInterval(() => {
  const seconds = (performance.now() - startedAt) / 1000
  let sentBytes = closedBytes
  for (const { bytesWritten } of open) sentBytes += bytesWritten
  process.send?.({ seconds, connections, sentBytes, answers } satisfies Tally)
}, tallyMillis)
