/**
 * One attack, in a process of its own: the client that measures must not be slowed by the attackers' work, or it would
 * tell of itself and not of the router. Where the cores are fewer than the processes, attackers and measured share them
 * all the same, so the attackers have the lowest priority (nice 19). Whoever attacks a machine brings cores of his own.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { Effect, type Scope } from "effect"
import type { AttackName } from "./attacks.ts"

interface Target {
  readonly url: string
  readonly sockets: number
}

/** What the attackers have done so far. */
export interface Tally {
  readonly seconds: number
  readonly connections: number
  readonly sentBytes: number
  /** By status. */
  readonly answers: Readonly<Record<string, number>>
}

const main = new URL("./attackersMain.ts", import.meta.url)

const killed = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  })

/** Attacks until the scope ends; gives what the attackers last said of themselves. */
export const attackedBy = (
  attack: AttackName,
  { sockets, url }: Target
): Effect.Effect<Effect.Effect<Tally>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(main, [attack, url, String(sockets)], { execArgv: [] })),
      killed
    )
    let tally: Tally = { seconds: 0, connections: 0, sentBytes: 0, answers: {} }
    // The process sends nothing else.
    child.on("message", (said) => (tally = said as Tally))
    return Effect.sync(() => tally)
  })
