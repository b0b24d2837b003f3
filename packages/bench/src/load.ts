/**
 * The load generator, a process of its own that lives as long as the run, so that its code is warm. One job at a time:
 * `prepare` opens the connections, `go` runs and reports, `close` lets the connections go.
 */
import { Connection, type Outcome } from "./Connection.ts"
import type { Asked, Job, Report, Told } from "./job.ts"
import { distributionOf } from "./statistics.ts"

/** Opened before an open loop begins; more are opened as needed, up to the most. */
const openLoopConnections = 32
const mostConnections = 1024

/** What is still unanswered this long after the end is a fault. */
const patienceMillis = 5000

/** A timer fires up to this late by itself; what starts later than this counts from when it should have started. */
const timerMillis = 2

let sequence = 0

class Run {
  readonly #job: Job
  readonly #request: Buffer
  readonly #place: number
  readonly #all: Array<Connection> = []
  readonly #idle: Array<Connection> = []
  readonly #latencies: Array<number> = []
  readonly #firsts: Array<number> = []
  readonly #faults: Record<string, number> = {}
  #started = 0
  #unanswered = 0
  #answers = 0
  #inTime = 0
  #reads = 0
  #begin = 0
  #end = 0
  #onIdle: (() => void) | undefined

  constructor(job: Job) {
    this.#job = job
    this.#request = Buffer.from(job.request)
    this.#place = this.#request.indexOf(job.place)
  }

  async prepare(): Promise<void> {
    const { pace } = this.#job
    const count = pace.kind === "closed" ? pace.connections : pace.kind === "held" ? pace.streams : openLoopConnections
    const opened: Array<Promise<Connection>> = Array.from({ length: count }, () => this.#opened())
    this.#idle.push(...(await Promise.all(opened)))
    if (pace.kind === "held") await Promise.all(this.#idle.map((connection) => this.#hold(connection)))
  }

  async go(): Promise<Report> {
    const { pace, seconds } = this.#job
    this.#begin = performance.now()
    this.#end = this.#begin + seconds * 1000
    if (pace.kind === "open") await this.#openLoop(pace.perSecond, pace.seed)
    else if (pace.kind === "closed") this.#closedLoop(pace.most ?? Number.POSITIVE_INFINITY)
    else {
      const before = this.#reads
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
      this.#reads -= before
    }
    if (pace.kind !== "held") await this.#answered()
    const took = (Math.min(performance.now(), this.#end) - this.#begin) / 1000
    const { events } = this.#job
    return {
      perSecond: this.#inTime / took,
      answers: this.#answers,
      faults: this.#faults,
      latency: distributionOf(this.#latencies),
      first: distributionOf(this.#firsts),
      eventsPerRead: events > 0 && this.#reads > 0 ? (this.#answers * events) / this.#reads : undefined,
      reads: this.#reads
    }
  }

  close(): void {
    for (const connection of this.#all) connection.destroy()
  }

  #opened(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("a connection did not open")), patienceMillis)
      this.#all.push(
        new Connection(this.#job.port, (connection) => {
          clearTimeout(timer)
          resolve(connection)
        })
      )
    })
  }

  #nextRequest(): Buffer {
    if (this.#place < 0) return this.#request
    const request = Buffer.from(this.#request)
    request.write(String(++sequence).padStart(this.#job.place.length, "0"), this.#place, "latin1")
    return request
  }

  #hold(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      connection.onRead = () => {
        this.#reads++
        resolve()
      }
      connection.send(this.#nextRequest(), false, (outcome) => {
        this.#fault("fault" in outcome ? outcome.fault : `a held stream ended with status ${outcome.status}`)
        resolve()
      })
    })
  }

  #closedLoop(most: number): void {
    const next = (connection: Connection): void => {
      if (performance.now() >= this.#end || this.#started >= most) return
      this.#start(connection, undefined, (usable) => {
        if (usable) next(connection)
        else if (performance.now() < this.#end) this.#opened().then(next, (error: Error) => this.#fault(error.message))
      })
    }
    for (const connection of this.#idle.splice(0)) next(connection)
  }

  /** Exponential gaps from a seeded generator: the same times for every contestant of a round. */
  #openLoop(perSecond: number, seed: number): Promise<void> {
    const random = seededRandom(seed)
    const gap = () => (-Math.log(1 - random()) * 1000) / perSecond
    let due = this.#begin + gap()
    return new Promise((resolve) => {
      const tick = (): void => {
        for (const now = performance.now(); due <= now; due += gap()) this.#startAt(due)
        if (due < this.#end) setTimeout(tick, Math.max(0, due - performance.now()))
        else resolve()
      }
      tick()
    })
  }

  #startAt(due: number): void {
    const give = (connection: Connection): void =>
      this.#start(connection, due, (usable) => void (usable && this.#idle.push(connection)))
    const idle = this.#idle.pop()
    if (idle !== undefined) give(idle)
    else if (this.#all.length < mostConnections) this.#opened().then(give, (error: Error) => this.#fault(error.message))
    else this.#fault("no connection was free")
  }

  #start(connection: Connection, due: number | undefined, onEnd: (usable: boolean) => void): void {
    this.#started++
    this.#unanswered++
    const request = this.#nextRequest()
    const now = performance.now()
    const from = due === undefined || now - due <= timerMillis ? now : due
    connection.send(request, this.#job.events > 0, (outcome) => {
      this.#unanswered--
      this.#record(outcome, from)
      onEnd(connection.usable)
      if (this.#unanswered === 0) this.#onIdle?.()
    })
  }

  #record(outcome: Outcome, from: number): void {
    if ("fault" in outcome) return this.#fault(outcome.fault)
    if (outcome.status !== 200) return this.#fault(`status ${outcome.status}`)
    const { events } = this.#job
    if (events > 0 && !isWhole(outcome.text, events)) return this.#fault("an incomplete stream")
    this.#answers++
    if (outcome.endedAt <= this.#end) this.#inTime++
    this.#reads += outcome.reads
    this.#latencies.push(outcome.endedAt - from)
    this.#firsts.push(outcome.firstAt - from)
  }

  #fault(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1
  }

  #answered(): Promise<void> {
    return new Promise((resolve) => {
      const giveUp = setTimeout(
        () => {
          if (this.#unanswered > 0) this.#faults["no answer"] = this.#unanswered
          resolve()
        },
        this.#end - performance.now() + patienceMillis
      )
      this.#onIdle = () => {
        clearTimeout(giveUp)
        resolve()
      }
      if (this.#unanswered === 0) this.#onIdle()
    })
  }
}

/** Every event with content is there, and the end. */
const isWhole = (text: string, events: number): boolean =>
  text.includes("data: [DONE]") && text.split('"finish_reason":null').length - 1 === events

/** Mulberry32: good enough for arrival times, and the same everywhere. */
const seededRandom = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

let run: Run | undefined
const tell = (told: Told): void => void process.send?.(told)

process.on("message", (asked: Asked) => {
  if (asked.ask === "close") {
    run?.close()
    run = undefined
    tell({ told: "closed" })
  } else if (asked.ask === "go") {
    run?.go().then((report) => tell({ told: "report", report }), fail)
  } else {
    run = new Run(asked.job)
    run.prepare().then(() => tell({ told: "ready" }), fail)
  }
})
process.on("disconnect", () => process.exit(0))

/** A job that cannot be done ends the process; whoever waits for its report sees that. */
const fail = (error: Error): void => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
