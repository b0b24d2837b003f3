/** Adds sums up by what a question groups them by; a span of time is closed before the next begins. */
import type { DayBlock } from "./mirror.ts"
import { hoursPerDay, type Series, seriesColumns } from "./rollup.ts"
import { carry, type Tally, tallyColumns } from "./tally.ts"
import { dayText, hourText, type UsageDimension } from "./usage.ts"

const width = tallyColumns.length

export class UsageGroups {
  readonly rows: Array<readonly [values: ReadonlyArray<string>, tally: Tally]> = []
  readonly #groupBy: ReadonlyArray<UsageDimension>
  /** By series: where its group's sums begin. */
  readonly #beginOf: Int32Array
  readonly #values: Array<ReadonlyArray<string>> = []
  readonly #sums: Float64Array
  readonly #isTouched: Uint8Array
  #touched: Array<number> = []
  /** Where the sums of each row of a range begin. */
  #begins = new Int32Array(4_096)

  constructor(groupBy: ReadonlyArray<UsageDimension>, series: ReadonlyArray<Series | undefined>) {
    this.#groupBy = groupBy
    this.#beginOf = new Int32Array(series.length)
    const places = groupBy.map((dimension) => seriesColumns.findIndex((column) => column === dimension))
    const numbers = new Map<string, number>()
    for (const [id, names] of series.entries()) {
      const values = places.map((place) => names?.[place] ?? "")
      const name = values.join("\0")
      const number = numbers.get(name) ?? numbers.size
      numbers.set(name, number)
      this.#values[number] = values
      this.#beginOf[id] = number * width
    }
    this.#sums = new Float64Array(Math.max(1, numbers.size) * width)
    this.#isTouched = new Uint8Array(Math.max(1, numbers.size))
  }

  #touch(begin: number): void {
    const group = begin / width
    if (this.#isTouched[group] === 1) return
    this.#isTouched[group] = 1
    this.#touched.push(group)
  }

  /** The sums of some hours of a day. */
  addRange({ columns, offsets, series }: DayBlock, fromHour: number, toHour: number): void {
    const from = offsets[fromHour] ?? 0
    const count = (offsets[toHour] ?? 0) - from
    if (this.#begins.length < count) this.#begins = new Int32Array(count * 2)
    const [begins, sums] = [this.#begins, this.#sums]
    for (let row = 0; row < count; row++) {
      const begin = this.#beginOf[series[from + row] ?? 0] ?? 0
      begins[row] = begin
      this.#touch(begin)
    }
    for (const [place, column] of columns.entries()) {
      if (column === undefined) continue
      for (let row = 0; row < count; row++) {
        const at = (begins[row] ?? 0) + place
        sums[at] = (sums[at] ?? 0) + (column[from + row] ?? 0)
      }
    }
  }

  addLoose(loose: ReadonlyMap<number, Tally> | undefined): void {
    for (const [series, tally] of loose ?? []) {
      const begin = this.#beginOf[series] ?? 0
      this.#touch(begin)
      for (const [place, value] of tally.entries()) this.#sums[begin + place] = (this.#sums[begin + place] ?? 0) + value
    }
  }

  /** Makes rows of what was added since the last time, of this hour or its day. */
  close(hour: number): void {
    if (this.#touched.length === 0) return
    const times = this.#groupBy.map((dimension) =>
      dimension === "hour" ? hourText(hour) : dimension === "day" ? dayText(Math.floor(hour / hoursPerDay)) : undefined
    )
    for (const group of this.#touched) {
      const [begin, end] = [group * width, (group + 1) * width]
      const values = this.#values[group] ?? []
      this.rows.push([values.map((value, index) => times[index] ?? value), carry(this.#sums.slice(begin, end))])
      this.#sums.fill(0, begin, end)
      this.#isTouched[group] = 0
    }
    this.#touched = []
  }
}
