/** `pnpm attack [--requests N] [--sockets N] [--streams N] [--readers N] [--seconds N]` */
import { Effect } from "effect"
import { numbersFrom } from "./arguments.ts"
import { idleStreams, oneHealthy, siege, slowReaders } from "./siege.ts"

const { clients, readers, requests, samples, seconds, seed, sockets, streams } = numbersFrom(process.argv.slice(2), {
  requests: 10_000,
  clients: 64,
  seed: 1,
  sockets: 500,
  samples: 500,
  streams: 10_000,
  readers: 20,
  seconds: 20
})

const say = (what: string, result: unknown) =>
  void process.stdout.write(`${what}: ${JSON.stringify(result, undefined, 2)}\n`)

await Effect.runPromise(
  Effect.gen(function* () {
    if (requests > 0) {
      say("One healthy model, by what clients saw", yield* Effect.scoped(oneHealthy({ requests, clients, seed })))
    }
    if (sockets > 0) say("A normal client amid attacks", yield* Effect.scoped(siege({ sockets, requests: samples })))
    if (readers > 0) say("Clients that do not read", yield* Effect.scoped(slowReaders({ readers, seconds })))
    if (streams > 0) say("Idle streams", yield* Effect.scoped(idleStreams({ streams })))
  })
)
