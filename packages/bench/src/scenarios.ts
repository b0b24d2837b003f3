/** The work that contestants are compared by, as data. */
import { contentEvents } from "./answers.ts"
import type { Work } from "./contestants.ts"
import type { Topic } from "./requests.ts"

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly quick: boolean
  readonly work: Work
  readonly topic: Topic
  readonly size: "ordinary" | "agent"
  /** Events with content that the answer streams; 0 where it is JSON. */
  readonly events: number
  /** What the upstream is to do. */
  readonly manner?: string
  readonly load:
    | { readonly kind: "closed"; readonly connections: number }
    | { readonly kind: "open"; readonly perSecond: number }
  /** Length of a slice, relative to the others: a fixed rate needs longer to see its 99th percentile. */
  readonly length: number
}

const scenario = (name: string, about: string, parts: Partial<Scenario> = {}): Scenario => ({
  name,
  about,
  quick: false,
  work: "chat",
  topic: "code",
  size: "ordinary",
  events: 0,
  load: { kind: "closed", connections: 32 },
  length: 1,
  ...parts
})

const stream = { events: contentEvents }

export const scenarios: ReadonlyArray<Scenario> = [
  scenario("json", "1.3 kB in, JSON out, 32 connections", { quick: true }),
  scenario("stream", "20 content events sent at once, 32 connections", { ...stream, quick: true }),
  scenario("rate", "JSON, 200 requests a second", { quick: true, load: { kind: "open", perSecond: 200 }, length: 3 }),
  scenario("stream-rate", "20 content events 10 ms apart, 40 streams a second", {
    ...stream,
    manner: "paced-10",
    load: { kind: "open", perSecond: 40 },
    length: 4
  }),
  scenario("slow", "the upstream takes 50 ms, 256 connections", {
    manner: "slow-50",
    load: { kind: "closed", connections: 256 },
    length: 2
  }),
  scenario("failing", "the first model always answers 500, 32 connections", {
    quick: true,
    work: "failing",
    topic: "failing"
  }),
  scenario("missing", "the first model always answers 404, which opens no circuit, 32 connections", {
    work: "missing",
    topic: "missing"
  }),
  scenario("agent", "60 kB with 12 tools in, JSON out, 16 connections", {
    size: "agent",
    load: { kind: "closed", connections: 16 }
  }),
  scenario("decide", "a decision alone (POST /v1/route), 16 connections", {
    work: "decide",
    load: { kind: "closed", connections: 16 }
  })
]
