/** `pnpm attack [--requests N] [--sockets N] [--samples N] [--rounds N] [--streams N] [--readers N] [--seconds N]` */
import { Effect } from "effect"
import { numbersFrom } from "./arguments.ts"
import { idleStreams, oneHealthy, siege, slowReaders } from "./siege.ts"

const { clients, readers, requests, rounds, samples, seconds, seed, sockets, streams } = numbersFrom(
  process.argv.slice(2),
  {
    requests: 10_000,
    clients: 64,
    seed: 1,
    sockets: 500,
    samples: 500,
    rounds: 5,
    streams: 10_000,
    readers: 20,
    seconds: 20
  }
)

/** What a normal client's p99 may be amid an attack, to its p99 in quiet. */
const mostRatio = 2

const say = (what: string, result: unknown) =>
  void process.stdout.write(`${what}: ${JSON.stringify(result, undefined, 2)}\n`)

await Effect.runPromise(
  Effect.gen(function* () {
    if (requests > 0) {
      say("One healthy model, by what clients saw", yield* Effect.scoped(oneHealthy({ requests, clients, seed })))
    }
    if (sockets > 0) {
      const results = yield* Effect.scoped(siege({ sockets, requests: samples, rounds }))
      say("A normal client amid attacks", results)
      const lost = results.filter(({ failed, p99_ratio: ratio }) => failed > 0 || ratio > mostRatio)
      for (const { attack } of lost) say("Not withstood", attack)
      if (lost.length > 0) process.exitCode = 1
    }
    if (readers > 0) say("Clients that do not read", yield* Effect.scoped(slowReaders({ readers, seconds })))
    if (streams > 0) say("Idle streams", yield* Effect.scoped(idleStreams({ streams })))
  })
)
