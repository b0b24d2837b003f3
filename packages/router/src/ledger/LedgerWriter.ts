/**
 * Hands entries to the writing thread. What queued up while a commit was under way goes into the next one: an idle
 * ledger commits at once, a busy one in batches. Nobody waits for a disk that is in trouble.
 */
import { Effect } from "effect"
import { type MessagePort, Worker } from "node:worker_threads"
import type { RouterMetrics } from "../telemetry/RouterMetrics.ts"
import type { LedgerFault } from "./database.ts"
import type { LedgerStatus } from "./entry.ts"
import type { LedgerRow } from "./rows.ts"
import { rowsPerPrune, type Run, type Snapshot } from "./store.ts"
import type { FromWriter, ToWriter, WriterData } from "./worker.ts"

export interface WriterOptions {
  readonly path: string
  readonly queueEntries: number
  readonly now: () => number
  /** Requests whose entries are still to come. */
  readonly underWay: () => number
  /** The first time with what the file held; later, where the file before is not at its path any more, as such. */
  readonly onOpened: (opened: { readonly snapshot: Snapshot | undefined; readonly isAnother: boolean }) => void
  /** The writing thread was started, or started again. */
  readonly onStart: () => void
  readonly metrics?: RouterMetrics
}

const rowsPerBatch = 256
/**
 * A write within this time of the last one waits for company, until as many wait for it as may still join them: under
 * load fewer, larger commits cost less. An entry that comes alone is written at once.
 */
const millisPerBatch = 5
/** Where many come in that time, each of them pays less for its share of a commit if twice as many share it. */
const rowsOfLoad = 16
const millisPerBatchUnderLoad = 10
/** What is made of a batch is short-lived; by default a thread keeps some 100 MB for such things. */
const resourceLimits = { maxYoungGenerationSizeMb: 16 }
/** Longer than SQLite waits for another process to leave the file alone. */
const patienceMillis = 6_000

interface Waiter {
  readonly sequence: number
  readonly release: () => void
}

export class LedgerWriter {
  readonly #options: WriterOptions
  #worker: Worker | undefined
  #run: Run | undefined
  #checked = false
  #queue: Array<LedgerRow> = []
  #head = 0
  /** Rows of the batch under way. */
  #sent = 0
  /** Since when the thread has been working on a message. */
  #busySince: number | undefined
  #sequence = 0
  #committed = 0
  #lost = 0
  #problem: string | undefined
  #fault: LedgerFault | undefined
  #waiters: Array<Waiter> = []
  #flushing = false
  /** Rows to go one by one, to find the one that cannot be stored. */
  #singly = 0
  #pruneBefore: number | undefined
  #listeners: Array<() => void> = []
  #lastRows = 0
  /** By the machine's clock: how often the disk is synced is no matter of the program's time. */
  #lastWrite = Number.NEGATIVE_INFINITY
  #pause: NodeJS.Timeout | undefined
  #closing = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  // ---- entries ----

  /** False when there is no room: the row is lost. */
  append(rowOf: (sequence: number) => LedgerRow): boolean {
    if (this.#queue.length - this.#head >= this.#options.queueEntries) {
      this.#lost++
      return false
    }
    this.#queue.push(rowOf(++this.#sequence))
    if (this.#flushing) return true
    // What is appended in one go, such as an attempt and its request, is committed in one go.
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      if (this.#problem === undefined) this.#pump()
    })
    return true
  }

  /** Waits for the commit of what was appended before; not for a disk in trouble. */
  readonly committed: Effect.Effect<void> = Effect.suspend(() => {
    const sequence = this.#sequence
    if (this.#committed >= sequence || this.#problem !== undefined) return Effect.void
    return Effect.callback<void>((resume) => {
      const waiter = { sequence, release: () => resume(Effect.void) }
      this.#waiters.push(waiter)
      return Effect.sync(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
      })
    })
  })

  readonly status = (): LedgerStatus => ({
    state: this.#problem === undefined ? "ok" : "degraded",
    message: this.#problem,
    queued: this.#queue.length - this.#head,
    lost: this.#lost
  })

  /** Whether every page of the file was looked at when it was opened. */
  get checked(): boolean {
    return this.#checked
  }

  // ---- the thread ----

  #post(message: ToWriter): void {
    this.#busySince = this.#options.now()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
    this.#started().postMessage(message)
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const workerData: WriterData = { path: this.#options.path, run: this.#run, nowMillis: this.#options.now() }
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData, resourceLimits })
    const gone = (message: string) => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#fail({ kind: "trouble", message: `${this.#options.path}: ${message}` })
    }
    worker.on("message", (message: FromWriter) => this.#receive(message))
    worker.on("error", (error) => gone(String(error)))
    worker.on("exit", () => gone("the writing thread ended"))
    this.#worker = worker
    this.#options.onStart()
    return worker
  }

  /** Where the thread tells of its commits. */
  feed(port: MessagePort): void {
    this.#worker?.postMessage({ _tag: "Feed", port } satisfies ToWriter, [port])
  }

  #pump(): void {
    if (this.#busySince !== undefined) return
    const queued = this.#queue.length - this.#head
    const spacing = this.#lastRows >= rowsOfLoad ? millisPerBatchUnderLoad : millisPerBatch
    const pause = this.#lastWrite + spacing - performance.now()
    const isWorthIt = queued < rowsPerBatch && this.#waiters.length < this.#options.underWay()
    if (queued > 0 && isWorthIt && pause > 0 && !this.#closing && this.#singly === 0) {
      if (this.#pause !== undefined) return
      this.#pause = setTimeout(() => {
        this.#pause = undefined
        this.#pump()
      }, pause)
      return
    }
    if (queued > 0) {
      this.#lastWrite = performance.now()
      this.#sent = Math.min(queued, this.#singly > 0 ? 1 : rowsPerBatch)
      this.#lastRows = this.#sent
      this.#post({ _tag: "Write", rows: this.#queue.slice(this.#head, this.#head + this.#sent) })
    } else if (this.#pruneBefore !== undefined && this.#problem === undefined) {
      this.#post({ _tag: "Prune", beforeMillis: this.#pruneBefore })
    }
  }

  #receive(message: FromWriter): void {
    if (message._tag === "Opened") {
      this.#run = message.run
      this.#checked = message.checked
      this.#options.onOpened(message)
      return
    }
    if (message._tag === "Failed") return this.#fail(message.fault)
    this.#busySince = undefined
    this.#problem = undefined
    this.#fault = undefined
    if (message._tag === "Committed") {
      this.#options.metrics?.ledgerCommitted((performance.now() - this.#lastWrite) / 1000)
      this.#remove(message.rows)
    }
    if (message._tag === "Pruned" && message.rows < rowsPerPrune) this.#pruneBefore = undefined
    this.#pump()
    this.#tell()
  }

  /** Takes rows from the front of the queue: they are stored, or given up. */
  #remove(count: number): void {
    this.#committed = this.#queue[this.#head + count - 1]?.[1] ?? this.#committed
    this.#head += count
    this.#sent = 0
    this.#singly = Math.max(0, this.#singly - count)
    if (this.#head === this.#queue.length || this.#head > 4_096) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    const due = this.#waiters.filter(({ sequence }) => sequence <= this.#committed)
    this.#waiters = this.#waiters.filter(({ sequence }) => sequence > this.#committed)
    for (const { release } of due) release()
  }

  #fail(fault: LedgerFault): void {
    this.#options.metrics?.ledgerFailed()
    this.#busySince = undefined
    if (fault.kind === "refused" && this.#sent > 0) {
      if (this.#sent > 1) this.#singly = this.#sent
      else {
        this.#lost++
        this.#remove(1)
      }
      return this.#pump()
    }
    this.#fault = fault
    this.#degrade(fault.message)
    this.#tell()
  }

  #degrade(problem: string): void {
    this.#problem = problem
    const released = this.#waiters
    this.#waiters = []
    for (const { release } of released) release()
  }

  #tell(): void {
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }

  /** The next time the thread has done something, or failed to. */
  readonly #news: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#listeners.push(() => resume(Effect.void))
  })

  // ---- life ----

  /** Opens the file; gives what is wrong where something is. */
  readonly open: Effect.Effect<LedgerFault | undefined> = Effect.suspend(() => {
    this.#post({ _tag: "Open" })
    return Effect.map(this.#news, () => this.#fault)
  })

  /** To be called every second: tries again what failed, and notices a thread that hangs. */
  tick(): void {
    if (this.#busySince !== undefined) {
      const silent = this.#options.now() - this.#busySince
      if (silent >= patienceMillis) {
        this.#degrade(`${this.#options.path}: the disk has not answered for ${Math.round(silent / 1000)} s`)
      }
      return
    }
    if (this.#problem === undefined) return
    if (this.#queue.length > this.#head) this.#pump()
    else this.#post({ _tag: "Open" })
  }

  /** Removes entries from before this time, a few at once, whenever nothing else is to do. */
  prune(beforeMillis: number): void {
    this.#pruneBefore = beforeMillis
    if (this.#problem === undefined) this.#pump()
  }

  /** Stores what is queued, with one more try where the disk is in trouble, and closes the file. */
  readonly flush: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    this.#pruneBefore = undefined
    this.#closing = true
    this.#pump()
    while (this.#busySince !== undefined) yield* this.#news
    this.#post({ _tag: "Close" })
    yield* this.#news
  })

  readonly terminate: Effect.Effect<void> = Effect.promise(async () => {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  })
}
