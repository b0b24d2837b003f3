/**
 * What the circuits' views tell beside the state, and which epoch of its key in the store a circuit is at. Bounded in
 * number, since any caller may name any model: what stands in no chain makes way for what does.
 */

/** Models with a failure to remember; and models of no chain that get a circuit within the time below. */
const mostRecords = 10_000

/** How long the store keeps a circuit that nobody asks for. */
export const idleMillis = 60 * 60 * 1_000

export interface CircuitRecord {
  /** Part of the store's key: a reset starts a new circuit, and outcomes of older calls miss it. */
  epoch: number
  /** Counts openings and closings: what was admitted before the last one is over and done with, as for the store. */
  era: number
  held: boolean
  /** It stands in no chain: a caller named it. */
  unlisted: boolean
  consecutiveFailures: number
  openedAtMillis: number | undefined
  lastFailureAtMillis: number | undefined
  lastError: string | undefined
}

export const freshRecord = (epoch: number, unlisted: boolean): CircuitRecord => ({
  epoch,
  era: 0,
  held: false,
  unlisted,
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
  /** Models of no chain that got a circuit of late, with failures or without. */
  readonly #unlisted = new Set<string>()
  #unlistedSinceMillis: number

  constructor(nowMillis: number) {
    this.#unlistedSinceMillis = nowMillis
  }

  get(key: string): CircuitRecord | undefined {
    return this.#records.get(key)
  }

  /** The key's record, which is begun where there is none. */
  of(key: string): CircuitRecord {
    return this.#records.get(key) ?? this.#remember(key, freshRecord(this.#unrecordedEpoch, this.#unlisted.has(key)))
  }

  /** Forgets what was, and begins a new epoch. */
  renew(key: string): void {
    this.#remember(key, freshRecord(++this.#lastEpoch, this.#records.get(key)?.unlisted === true))
  }

  keys(): ReadonlyArray<string> {
    return [...this.#records.keys()]
  }

  /** The key in the store. */
  storeKey(key: string): string {
    return `${key}#${this.#records.get(key)?.epoch ?? this.#unrecordedEpoch}`
  }

  /**
   * Whether a model of no chain has a circuit: where there is room for one. The store has no bound of its own, so the
   * names that reach it within the time that it keeps them have.
   */
  takesUnlisted(key: string, nowMillis: number): boolean {
    if (this.#unlisted.has(key) || this.#records.has(key)) return true
    if (nowMillis - this.#unlistedSinceMillis >= idleMillis) {
      this.#unlisted.clear()
      this.#unlistedSinceMillis = nowMillis
    }
    if (this.#unlisted.size >= mostRecords) return false
    this.#unlisted.add(key)
    return true
  }

  #remember(key: string, record: CircuitRecord): CircuitRecord {
    if (this.#records.size >= mostRecords && !this.#records.has(key)) this.#forgetOne()
    this.#records.set(key, record)
    return record
  }

  /** Makes room: what callers named goes first, and what an operator holds open stays. */
  #forgetOne(): void {
    const key = this.#leastMissed()
    const record = key === undefined ? undefined : this.#records.get(key)
    if (key === undefined || record === undefined) return
    // Without its record it must not fall back to the circuit that a reset has done away with.
    if (record.epoch > this.#unrecordedEpoch) this.#unrecordedEpoch = ++this.#lastEpoch
    this.#records.delete(key)
  }

  #leastMissed(): string | undefined {
    let oldest: string | undefined
    for (const [key, { held, unlisted }] of this.#records) {
      if (held) continue
      if (unlisted) return key
      oldest ??= key
    }
    return oldest
  }
}
