/**
 * The hourly sums in memory, column by column: a question over a million of them is a few passes over short integers.
 * Every number takes as few bytes as the largest of its day needs, some fifty for a sum in all.
 */
import { hoursPerDay, type Series } from "./rollup.ts"
import { addTally, carry, emptyTally, type Tally, tallyColumns } from "./tally.ts"
import { type GroupRows, mostUsageRows, type UsageDimension } from "./usage.ts"
import { UsageGroups } from "./usageGroups.ts"

type Column = Int8Array | Int16Array | Int32Array | Float64Array

/** One sum as the file gives it: the hour, the number of the series, then the tally. */
export type HourSum = ReadonlyArray<number>

/** The sums of a day, by hour. */
export interface DayBlock {
  /** Where each hour's sums begin; the end of the last behind them. */
  readonly offsets: ReadonlyArray<number>
  readonly series: Column
  /** By the places of a tally; what is 0 all day is not there. */
  readonly columns: ReadonlyArray<Column | undefined>
  readonly total: Tally
}

export interface MirrorAnswer {
  readonly totals: Tally
  readonly rows: GroupRows
}

/** New sums that are looked through one by one before they join their day. */
const mostLoose = 4_096

const packed = (values: ReadonlyArray<number>): Column => {
  let [lowest, highest] = [0, 0]
  for (const value of values) {
    if (value < lowest) lowest = value
    if (value > highest) highest = value
  }
  if (lowest >= -128 && highest <= 127) return Int8Array.from(values)
  if (lowest >= -32_768 && highest <= 32_767) return Int16Array.from(values)
  return lowest >= -2_147_483_648 && highest <= 2_147_483_647 ? Int32Array.from(values) : Float64Array.from(values)
}

const dayOf = (hour: number): number => Math.floor(hour / hoursPerDay)

/** `sums` of one day, in the order of their hours. */
const blockOf = (sums: ReadonlyArray<HourSum>): DayBlock => {
  const offsets = Array.from({ length: hoursPerDay + 1 }, () => sums.length)
  for (let index = sums.length - 1; index >= 0; index--) offsets[(sums[index]?.[0] ?? 0) % hoursPerDay] = index
  for (let hour = hoursPerDay - 1; hour >= 0; hour--) {
    offsets[hour] = Math.min(offsets[hour] ?? sums.length, offsets[hour + 1] ?? sums.length)
  }
  const total = emptyTally()
  return {
    offsets,
    series: packed(sums.map((sum) => sum[1] ?? 0)),
    columns: tallyColumns.map((_, place) => {
      const values = sums.map((sum) => sum[place + 2] ?? 0)
      total[place] = values.reduce((all, value) => all + value, 0)
      return values.every((value) => value === 0) ? undefined : packed(values)
    }),
    total: carry(total)
  }
}

const noSums = blockOf([])

const sumsOf = (day: number, block: DayBlock): ReadonlyArray<HourSum> =>
  block.offsets
    .slice(0, hoursPerDay)
    .flatMap((begin, hour) =>
      Array.from({ length: (block.offsets[hour + 1] ?? begin) - begin }, (_, index): HourSum => [
        day * hoursPerDay + hour,
        block.series[begin + index] ?? 0,
        ...block.columns.map((column) => column?.[begin + index] ?? 0)
      ])
    )

export class UsageMirror {
  /** All sums from this hour on are here, the first of its day. */
  floor = Number.POSITIVE_INFINITY
  /** How many sums it holds that have joined their days. */
  size = 0
  readonly #mostSums: number
  readonly #days = new Map<number, DayBlock>()
  readonly #series: Array<Series | undefined> = []
  /** What came since, by hour and series. */
  readonly #loose = new Map<number, Map<number, Tally>>()
  #looseSize = 0

  constructor(mostSums: number) {
    this.#mostSums = mostSums
  }

  learn(id: number, series: Series): void {
    this.#series[id] = series
  }

  /** Takes a day in, the next before the earliest; false when there is no more room. */
  addDay(day: number, sums: ReadonlyArray<HourSum>): boolean {
    if (this.size + sums.length > this.#mostSums && this.#days.size > 0) return false
    this.#days.set(day, blockOf(sums))
    this.size += sums.length
    this.floor = day * hoursPerDay
    return true
  }

  /** Adds to a sum what was committed. */
  add(hour: number, series: number, more: Tally): void {
    const sums = this.#loose.get(hour) ?? new Map<number, Tally>()
    this.#loose.set(hour, sums)
    const sum = sums.get(series)
    if (sum !== undefined) return addTally(sum, more)
    sums.set(series, [...more])
    if (++this.#looseSize > mostLoose) this.#settle()
  }

  /** What came since joins its days; what is of days that are not here yet waits for them. */
  #settle(): void {
    const days = new Set([...this.#loose.keys()].filter((hour) => hour >= this.floor).map(dayOf))
    for (const day of days) this.#join(day)
    while (this.size > this.#mostSums && this.#days.size > 1) this.#forgetEarliest()
    this.#looseSize = 0
    for (const sums of this.#loose.values()) this.#looseSize += sums.size
  }

  #join(day: number): void {
    const block = this.#days.get(day) ?? noSums
    const merged = new Map<number, HourSum>()
    // Series are numbered in order: none comes near 2 ** 31.
    const keyOf = (hour: number, series: number): number => (hour % hoursPerDay) * 2_147_483_648 + series
    for (const sum of sumsOf(day, block)) merged.set(keyOf(sum[0] ?? 0, sum[1] ?? 0), sum)
    for (let hour = day * hoursPerDay; hour < (day + 1) * hoursPerDay; hour++) {
      for (const [series, more] of this.#loose.get(hour) ?? []) {
        const tally = merged.get(keyOf(hour, series))?.slice(2) ?? emptyTally()
        addTally(tally, more)
        merged.set(keyOf(hour, series), [hour, series, ...tally])
      }
      this.#loose.delete(hour)
    }
    const sums = [...merged.values()].toSorted(([left = 0], [right = 0]) => left - right)
    this.#days.set(day, blockOf(sums))
    this.size += sums.length - block.series.length
  }

  #forgetEarliest(): void {
    const day = Math.min(...this.#days.keys())
    this.size -= this.#days.get(day)?.series.length ?? 0
    this.#days.delete(day)
    this.floor = (day + 1) * hoursPerDay
    for (const hour of this.#loose.keys()) if (hour < this.floor) this.#loose.delete(hour)
  }

  /** Sums of the hours from `from`, not below the floor, up to and without `to`. */
  ask(groupBy: ReadonlyArray<UsageDimension>, from: number, to: number): MirrorAnswer {
    const step = groupBy.includes("hour") ? 1 : hoursPerDay
    const byTime = groupBy.includes("hour") || groupBy.includes("day")
    const totals = emptyTally()
    const groups = new UsageGroups(groupBy, this.#series)
    const days = [...new Set([...this.#days.keys(), ...[...this.#loose.keys()].map(dayOf)])]
    for (const day of days.toSorted((left, right) => left - right)) {
      const midnight = day * hoursPerDay
      const [first, end] = [Math.max(from, midnight), Math.min(to, midnight + hoursPerDay)]
      if (first >= end) continue
      const block = this.#days.get(day) ?? noSums
      addTally(totals, end - first === hoursPerDay ? block.total : totalOf(block, first - midnight, end - midnight))
      for (let hour = first; hour < end; hour++) {
        for (const tally of this.#loose.get(hour)?.values() ?? []) addTally(totals, tally)
      }
      // There are more rows than an answer holds already: the rest counts in the totals alone.
      for (let hour = first; hour < end && groups.rows.length <= mostUsageRows; hour += step) {
        const until = Math.min(hour + step, end)
        groups.addRange(block, hour - midnight, until - midnight)
        for (let each = hour; each < until; each++) groups.addLoose(this.#loose.get(each))
        if (byTime) groups.close(hour)
      }
    }
    groups.close(0)
    return { totals, rows: groups.rows }
  }
}

/** The sum of some hours of a day. */
const totalOf = ({ columns, offsets }: DayBlock, fromHour: number, toHour: number): Tally =>
  carry(
    columns.map((column) => {
      let sum = 0
      for (let index = offsets[fromHour] ?? 0; index < (offsets[toHour] ?? 0); index++) sum += column?.[index] ?? 0
      return sum
    })
  )
