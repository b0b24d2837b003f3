/**
 * The thread that owns the ledger's connection for writing. `node:sqlite` blocks its thread for as long as the disk
 * takes to sync; here it blocks nobody.
 */
import { parentPort, workerData } from "node:worker_threads"
import { faultOf, type LedgerFault } from "./database.ts"
import type { LedgerRow } from "./rows.ts"
import { LedgerStore, type Snapshot } from "./store.ts"

export interface WriterData {
  readonly path: string
  /** Of a run that goes on after its thread died. */
  readonly run: number | undefined
  readonly nowMillis: number
}

export type ToWriter =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Write"; readonly rows: ReadonlyArray<LedgerRow> }
  | { readonly _tag: "Prune"; readonly beforeMillis: number }
  | { readonly _tag: "Close" }

/** There is one for each message that came in; `Opened` also comes before the answer that needed the file. */
export type FromWriter =
  | {
      readonly _tag: "Opened"
      readonly run: number
      readonly checked: boolean
      readonly snapshot: Snapshot | undefined
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

const opened = (): LedgerStore => {
  if (store !== undefined && !store.isCurrent()) {
    // The file was moved or removed: what comes next would be written to where nobody looks.
    store.close()
    store = undefined
  }
  if (store === undefined) {
    store = new LedgerStore(path, run, nowMillis)
    const snapshot = run === undefined ? store.snapshot() : undefined
    run = store.run
    answer({ _tag: "Opened", run, checked: store.checked, snapshot })
  }
  return store
}

const act = (message: ToWriter): FromWriter => {
  switch (message._tag) {
    case "Open":
      opened()
      return { _tag: "Ready" }
    case "Write":
      opened().write(message.rows)
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
  try {
    answer(act(message))
  } catch (error) {
    const fault = faultOf(path, error)
    if (fault.kind !== "refused") reopenNext()
    answer({ _tag: "Failed", fault })
  }
  if (message._tag === "Close") parentPort?.close()
})
