/** What operators, Ollama and the disk do to a router while it works. */
import type { FakeOllama } from "@llm-router/testing/FakeOllama"
import { answersFirstAllowed, answersOutsideOfEnum, hang, reset, slow, status } from "@llm-router/testing/ollamaScript"
import { Effect, Schedule } from "effect"
import type { Disk } from "./disk.ts"
import { pick } from "./random.ts"

export interface Disturbed {
  readonly url: string
  readonly ollama: FakeOllama["Service"]
  readonly disk: Disk | undefined
  readonly random: () => number
  /** Counts what was done, by kind. */
  readonly did: (what: string) => void
}

const models = ["a/one", "b/two", "c/three", "d/four", "e/five"] as const

const sent = ({ did, url }: Disturbed, what: string, method: string, path: string, body?: object) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, {
      method,
      // Its connections are not to be taken for the router's.
      headers: { "content-type": "application/json", connection: "close" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    await response.text()
    // A name that another change has taken away is no fault.
    did(response.status < 500 ? what : `${what}: ${response.status}`)
  })

const changeConfig = (target: Disturbed) => {
  const name = `custom-${Math.floor(target.random() * 8)}`
  if (target.random() < 0.3) return sent(target, "category deleted", "DELETE", `/config/category/${name}`)
  const chain = models.filter(() => target.random() < 0.6)
  return sent(target, "category changed", "POST", "/config/category", {
    name,
    models: chain.length > 0 ? chain : ["a/one"],
    keywords: [`keyword${Math.floor(target.random() * 8)}`]
  })
}

const flapOllama = ({ did, ollama, random }: Disturbed) =>
  Effect.andThen(
    ollama.script(pick(random, [answersFirstAllowed, slow(20), hang, reset, status(500), answersOutsideOfEnum])),
    Effect.sync(() => did("ollama changed"))
  )

const diskEpisode = ({ did, disk }: Disturbed) =>
  disk === undefined
    ? Effect.void
    : Effect.acquireUseRelease(
        disk.fill,
        () => Effect.sleep("1500 millis"),
        () => Effect.map(disk.free, () => did("disk full"))
      )

/** Until it is interrupted. */
export const disturb = (target: Disturbed): Effect.Effect<void> =>
  Effect.all(
    [
      Effect.repeat(
        Effect.suspend(() => changeConfig(target)),
        Schedule.spaced("1 second")
      ),
      Effect.repeat(sent(target, "circuits reset", "POST", "/circuit-breaker/reset-all"), Schedule.spaced("1 second")),
      Effect.repeat(sent(target, "metrics read", "GET", "/metrics"), Schedule.spaced("2 seconds")),
      Effect.repeat(sent(target, "health read", "GET", "/health"), Schedule.spaced("2 seconds")),
      Effect.repeat(
        Effect.suspend(() => flapOllama(target)),
        Schedule.spaced("2 seconds")
      ),
      Effect.repeat(Effect.delay(diskEpisode(target), "3 seconds"), Schedule.spaced("10 seconds"))
    ],
    { concurrency: "unbounded", discard: true }
  )
