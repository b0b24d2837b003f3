/**
 * How the ledger does with a million entries: `/usage` by grouping, the start, memory, and what an entry costs the main
 * thread. Prints a table; takes a minute or two. `pnpm bench:ledger [entries] [even|real]`. On a machine that does
 * other work too, look at the CPU time (ms, of all threads).
 */
// oxlint-disable no-await-in-loop -- one measurement at a time
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Context, Effect, Layer } from "effect"
import { CostLedger, type LedgerEntry } from "../src/CostLedger.ts"
import { attemptRowOf } from "../src/ledger/rows.ts"
import { LedgerStore } from "../src/ledger/store.ts"
import { Watchdog } from "../src/Watchdog.ts"

const entries = Number(process.argv[2] ?? 1_000_000)
const distributionsAsked = process.argv[3] === "real" ? (["real"] as const) : (["even"] as const)
const days = 90
const dayMillis = 86_400_000
const now = Date.now()
const launch = fileURLToPath(new URL("../../server/launch.mjs", import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "ledger-bench-"))

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** The same numbers each time, in [0, 1). */
let state = 1
const random = (): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return state / 4_294_967_296
}

const names = (prefix: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const models = names("provider/model-", 12)
const categories = names("category-", 6)
const sources = ["keywords", "embedded", "ollama", "api"] as const
const keys = names("key-", 10)
const errors = [undefined, undefined, undefined, "RateLimited", "TimedOut"]

const anyOf = <A>(values: ReadonlyArray<A>): A => {
  for (const value of values) return value
  throw new RangeError("there is nothing to choose from")
}

/** `even`: every value as likely as any other, the worst case for sums; `real`: some are used far more than others. */
const distributions = {
  even: <A>(values: ReadonlyArray<A>): A => values[Math.floor(random() * values.length)] ?? anyOf(values),
  real: <A>(values: ReadonlyArray<A>): A => values[Math.floor(random() ** 4 * values.length)] ?? anyOf(values)
}
type Distribution = keyof typeof distributions

const entryOf = (distribution: Distribution, timeMillis: number): LedgerEntry => {
  const one = distributions[distribution]
  const error = one(errors)
  const model = one(models)
  return {
    timeMillis,
    requestId: "00000000-0000-4000-8000-000000000000",
    purpose: "chat",
    category: one(categories),
    source: one(sources),
    model,
    answeredBy: model,
    attempt: 1,
    outcome: error === undefined ? "ok" : "failed",
    error,
    status: 200,
    stream: true,
    inputTokens: Math.floor(random() * 20_000),
    cachedTokens: Math.floor(random() * 5_000),
    outputTokens: Math.floor(random() * 2_000),
    reasoningTokens: Math.floor(random() * 500),
    cost: BigInt(Math.floor(random() * 1e11)),
    costSource: "reported",
    firstTokenMillis: 300,
    durationMillis: 4_000,
    generationId: undefined,
    keyId: one(keys),
    computedCost: BigInt(Math.floor(random() * 1e11))
  }
}

const filled = (distribution: Distribution): string => {
  const path = join(directory, `${distribution}.sqlite`)
  const store = new LedgerStore(path, undefined, now)
  const batch = 10_000
  for (let done = 0; done < entries; done += batch) {
    store.write(
      Array.from({ length: Math.min(batch, entries - done) }, (_, index) => {
        const timeMillis = Math.floor(now - days * dayMillis + ((done + index) / entries) * days * dayMillis)
        return attemptRowOf(done + index + 1, entryOf(distribution, timeMillis))
      })
    )
  }
  store.close()
  return path
}

/** Linux counts a process's time in hundredths of a second. */
const millisPerTick = 10

interface Running {
  readonly url: string
  readonly readyMillis: number
  readonly readyCpuMillis: number
  readonly residentMegabytes: () => number
  /** Of all its threads, since the start. */
  readonly cpuMillis: () => number
  readonly stop: () => Promise<void>
}

const started = (ledgerPath: string): Promise<Running> =>
  new Promise((resolve, reject) => {
    const begun = performance.now()
    const child = spawn(process.execPath, [launch], {
      cwd: directory,
      env: { PORT: "0", ROUTING_MODE: "keywords", LEDGER_PATH: ledgerPath },
      stdio: ["ignore", "pipe", "inherit"]
    })
    const cpuMillis = (): number => {
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8")
      const times = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return (Number(times[11]) + Number(times[12])) * millisPerTick
    }
    let out = ""
    child.stdout.on("data", (piece: Buffer) => {
      out += piece.toString()
      const url = /listens on (http:\/\/\S+?)(?:\\n|\s)/.exec(out)?.[1]
      if (url === undefined) return
      child.stdout.removeAllListeners("data").resume()
      resolve({
        url,
        readyMillis: performance.now() - begun,
        readyCpuMillis: cpuMillis(),
        residentMegabytes: () =>
          Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
        cpuMillis,
        stop: () =>
          new Promise((ended) => {
            child.once("close", () => ended())
            child.kill("SIGTERM")
          })
      })
    })
    child.once("close", () => reject(new Error(`the router ended: ${out}`)))
  })

const day = (back: number): string => new Date(now - back * dayMillis).toISOString().slice(0, 10)
const questions = [
  "",
  ...["model", "category", "source", "key", "error", "day", "hour"].map((name) => `group_by=${name}`),
  "group_by=hour,model",
  "group_by=day,model",
  "group_by=category,source",
  "group_by=hour,model,category",
  "group_by=model,category,source",
  "group_by=model,category,source,key",
  "group_by=hour,model,category,source",
  "group_by=day,model,category,source,key,error",
  `group_by=hour,model&from=${day(30)}&to=${day(3)}`,
  `group_by=model,key&from=${new Date(now - 40.3 * dayMillis).toISOString()}`
]

const timed = async (url: string): Promise<number> => {
  const begun = performance.now()
  const response = await fetch(url)
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`${url} gave ${response.status}`)
  return performance.now() - begun
}

const share = (ascending: ReadonlyArray<number>, of: number): string =>
  (ascending[Math.max(0, Math.ceil(ascending.length * of) - 1)] ?? 0).toFixed(0).padStart(6)

const rounds = 40

const readyMillis = async (path: string): Promise<string> => {
  const starts: Array<string> = []
  for (let round = 0; round < 5; round++) {
    const router = await started(path)
    starts.push(`${router.readyMillis.toFixed(0)} (${router.readyCpuMillis})`)
    await router.stop()
  }
  return starts.join(" ")
}

const asked = async (path: string): Promise<void> => {
  say(`  ready after ms (CPU time): ${await readyMillis(path)}`)
  const router = await started(path)
  const atStart = router.residentMegabytes()
  const begun = performance.now()
  const first = await timed(`${router.url}/usage?group_by=hour,model`)
  while ((await timed(`${router.url}/usage?group_by=hour,model`)) > 300 && performance.now() - begun < 30_000);
  const loaded = ((performance.now() - begun) / 1000).toFixed(1)
  say(`  the first question, right after the start: ${first.toFixed(0)} ms; sums in memory after ${loaded} s`)
  say(`  /usage, ms${" ".repeat(46)}   p50    p99    CPU`)
  const times = new Map<string, Array<number>>(questions.map((question) => [question, []]))
  const spent = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    for (const [question, list] of times) {
      const before = router.cpuMillis()
      list.push(await timed(`${router.url}/usage?${question}`))
      spent.set(question, (spent.get(question) ?? 0) + router.cpuMillis() - before)
    }
  }
  for (const [question, list] of times) {
    const sorted = list.toSorted((left, right) => left - right)
    const cpu = ((spent.get(question) ?? 0) / rounds).toFixed(0).padStart(6)
    const name = question === "" ? "(totals)" : question
    say(`    ${name.padEnd(52)} ${share(sorted, 0.5)} ${share(sorted, 0.99)} ${cpu}`)
  }
  say(`  resident MB: ${atStart.toFixed(0)} at the start, ${router.residentMegabytes().toFixed(0)} after the questions`)
  await router.stop()
}

/** What the main thread spends on a request's two entries and on waiting for their commit, in microseconds. */
const microsPerRequest = async (path: string): Promise<number> => {
  const requests = 40_000
  return Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const context = yield* Layer.build(
          CostLedger.layer({ path, retentionDays: 90, queueEntries: 100_000 }).pipe(Layer.provide(Watchdog.layer))
        )
        const ledger = Context.get(context, CostLedger)
        const one = Effect.suspend(() => {
          const entry = entryOf("real", now)
          ledger.appendAttempt(entry)
          ledger.appendRequest({ ...entry, success: true, attempts: 1, latencyMillis: 4_000 })
          return ledger.committed
        })
        const burst = Effect.all(
          Array.from({ length: 32 }, () => one),
          { concurrency: "unbounded" }
        )
        for (let warm = 0; warm < 50; warm++) yield* burst
        const before = process.threadCpuUsage()
        for (let done = 0; done < requests; done += 32) yield* burst
        const { system, user } = process.threadCpuUsage(before)
        return (system + user) / requests
      })
    )
  )
}

const inMemory = await microsPerRequest(":memory:")
const onDisk = await microsPerRequest(join(directory, "append.sqlite"))
say(`main thread per request, 32 at once: ${inMemory.toFixed(1)} µs in memory, ${onDisk.toFixed(1)} µs on disk`)
try {
  say("an empty ledger")
  const path = join(directory, "empty.sqlite")
  new LedgerStore(path, undefined, now).close()
  say(`  ready after ms (CPU time; the first without a compile cache): ${await readyMillis(path)}`)
  for (const distribution of distributionsAsked) {
    const begun = performance.now()
    const filledPath = filled(distribution)
    const took = ((performance.now() - begun) / 1000).toFixed(0)
    const size = (statSync(filledPath).size / 1e6).toFixed(0)
    say(`${entries} entries over ${days} days, ${distribution}: ${size} MB, written in ${took} s`)
    await asked(filledPath)
  }
} finally {
  rmSync(directory, { recursive: true })
}
