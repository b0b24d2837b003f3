/**
 * The thread that owns the ledger's connection for writing. `node:sqlite` blocks its thread for as long as the disk
 * takes to sync; here it blocks nobody.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { faultOf, type LedgerFault } from "./database.ts"
import type { LedgerRow } from "./rows.ts"
import { LedgerStore, type Run, type Snapshot, type SumChange } from "./store.ts"

export interface WriterData {
  readonly path: string
  /** Of a run that goes on after its thread died. */
  readonly run: Run | undefined
  readonly nowMillis: number
}

export type ToWriter =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Write"; readonly rows: ReadonlyArray<LedgerRow> }
  | { readonly _tag: "Prune"; readonly beforeMillis: number }
  | { readonly _tag: "Close" }
  | ToFeed

/** Where to tell from now on what commits add to the sums; it has no answer. */
export interface ToFeed {
  readonly _tag: "Feed"
  readonly port: MessagePort
}

/** What the reading thread is told, before anybody is told that the commit was made. */
export type FromFeed =
  | { readonly _tag: "Changed"; readonly commit: number; readonly changes: ReadonlyArray<SumChange> }
  /** From here on every change is told; the file may be another than before. */
  | { readonly _tag: "Begun" }

/** There is one for each other message that came in; `Opened` also comes before the answer that needed the file. */
export type FromWriter =
  | {
      readonly _tag: "Opened"
      readonly run: Run
      readonly checked: boolean
      readonly snapshot: Snapshot | undefined
      /** It is not the file that was written to so far: that one was moved, removed or emptied. */
      readonly isAnother: boolean
    }
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Committed"; readonly rows: number }
  | { readonly _tag: "Pruned"; readonly rows: number }
  | { readonly _tag: "Failed"; readonly fault: LedgerFault }
  | { readonly _tag: "Closed" }

const answer = (message: FromWriter): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
  parentPort?.postMessage(message)
}

// Only the ledger starts this file.
const { nowMillis, path, run: givenRun } = workerData as WriterData
let run = givenRun
let store: LedgerStore | undefined
let feed: MessagePort | undefined

const tell = (message: FromFeed): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
  feed?.postMessage(message)
}

const opened = (): LedgerStore => {
  if (store?.isCurrent() === false) {
    // What comes next would be written to where nobody looks, or into a file that can no more be read.
    const before = store
    store = undefined
    before.close()
  }
  if (store === undefined) {
    store = new LedgerStore(path, run, nowMillis)
    const snapshot = run === undefined ? store.snapshot() : undefined
    const isAnother = run !== undefined && store.run !== run
    run = store.run
    tell({ _tag: "Begun" })
    answer({ _tag: "Opened", run, checked: store.checked, snapshot, isAnother })
  }
  return store
}

const act = (message: Exclude<ToWriter, ToFeed>): FromWriter => {
  switch (message._tag) {
    case "Open":
      opened()
      return { _tag: "Ready" }
    case "Write":
      tell({ _tag: "Changed", ...opened().write(message.rows) })
      return { _tag: "Committed", rows: message.rows.length }
    case "Prune":
      return { _tag: "Pruned", rows: opened().prune(message.beforeMillis) }
    case "Close":
      store?.close()
      store = undefined
      return { _tag: "Closed" }
  }
}

const reopenNext = (): void => {
  try {
    store?.close()
  } catch {
    // What is broken is let go of either way.
  }
  store = undefined
}

parentPort?.on("message", (message: ToWriter) => {
  if (message._tag === "Feed") {
    feed?.close()
    feed = message.port
    tell({ _tag: "Begun" })
    return
  }
  try {
    answer(act(message))
  } catch (error) {
    const fault = faultOf(path, error)
    if (fault.kind !== "refused") reopenNext()
    answer({ _tag: "Failed", fault })
  }
  if (message._tag === "Close") parentPort?.close()
})
