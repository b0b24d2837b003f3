/**
 * What the circuits' views tell beside the state, and which epoch of its key in the store a circuit is at. Bounded in
 * number, since any caller may name any model.
 */

/** Models with a failure to remember. */
const mostRecords = 10_000

export interface CircuitRecord {
  /** Part of the store's key: a reset starts a new circuit, and outcomes of older calls miss it. */
  epoch: number
  /** Counts openings and closings: what was admitted before the last one is over and done with, as for the store. */
  era: number
  held: boolean
  consecutiveFailures: number
  openedAtMillis: number | undefined
  lastFailureAtMillis: number | undefined
  lastError: string | undefined
}

export const freshRecord = (epoch: number): CircuitRecord => ({
  epoch,
  era: 0,
  held: false,
  consecutiveFailures: 0,
  openedAtMillis: undefined,
  lastFailureAtMillis: undefined,
  lastError: undefined
})

export class CircuitRecords {
  readonly #records = new Map<string, CircuitRecord>()
  #lastEpoch = 0
  /** Of names without a record. */
  #unrecordedEpoch = 0

  get(key: string): CircuitRecord | undefined {
    return this.#records.get(key)
  }

  /** The key's record, which is begun where there is none. */
  of(key: string): CircuitRecord {
    return this.#records.get(key) ?? this.#remember(key, freshRecord(this.#unrecordedEpoch))
  }

  /** Forgets what was, and begins a new epoch. */
  renew(key: string): void {
    this.#remember(key, freshRecord(++this.#lastEpoch))
  }

  keys(): ReadonlyArray<string> {
    return [...this.#records.keys()]
  }

  /** The key in the store. */
  storeKey(key: string): string {
    return `${key}#${this.#records.get(key)?.epoch ?? this.#unrecordedEpoch}`
  }

  #remember(key: string, record: CircuitRecord): CircuitRecord {
    if (this.#records.size >= mostRecords && !this.#records.has(key)) this.#forgetOne()
    this.#records.set(key, record)
    return record
  }

  /** Makes room. What an operator holds open is not forgotten because others fail. */
  #forgetOne(): void {
    for (const [oldest, { epoch, held }] of this.#records) {
      if (held) continue
      // Without its record it must not fall back to the circuit that a reset has done away with.
      if (epoch > this.#unrecordedEpoch) this.#unrecordedEpoch = ++this.#lastEpoch
      this.#records.delete(oldest)
      return
    }
  }
}
