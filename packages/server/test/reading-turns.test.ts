/** Large bodies take turns: nobody waits behind hundreds of them. */
import { assert, describe, it } from "@effect/vitest"
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import { readingTurns } from "../src/http/readingTurns.ts"

const large = 300_000

/** Timers that a test sets off itself. */
const timers = () => {
  const due = new Set<() => void>()
  return {
    after: (_delayMillis: number, callback: () => void) => {
      due.add(callback)
      return () => void due.delete(callback)
    },
    pass: () => {
      const round = Array.from(due)
      due.clear()
      for (const callback of round) callback()
    }
  }
}

const bodies = (count: number, after: ReturnType<typeof timers>["after"]) => {
  const turnOf = readingTurns(after)
  return Array.from({ length: count }, () => {
    const source = new IncomingMessage(new Socket())
    source.resume()
    return { source, turn: turnOf(source) }
  })
}

const reading = (list: ReturnType<typeof bodies>) =>
  list.flatMap(({ source }, index) => (source.isPaused() ? [] : [index]))

describe("large bodies", () => {
  it("are read as they come while they are small", () => {
    const list = bodies(50, timers().after)
    for (const { turn } of list) turn.took(200_000)
    assert.lengthOf(reading(list), 50)
  })

  it("are read four at a time, a piece each, in turn", () => {
    const list = bodies(10, timers().after)
    for (const { turn } of list) turn.took(large)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
    list[0]?.turn.took(2 * large)
    assert.deepStrictEqual(reading(list), [1, 2, 3, 4])
    list[1]?.turn.took(2 * large)
    list[2]?.turn.took(2 * large)
    assert.deepStrictEqual(reading(list), [3, 4, 5, 6])
  })

  it("one alone is read without a pause", () => {
    const list = bodies(1, timers().after)
    for (let length = large; length < 20 * large; length += large) {
      list[0]?.turn.took(length)
      assert.deepStrictEqual(reading(list), [0])
    }
  })

  it("give their place to the next at their end", () => {
    const list = bodies(6, timers().after)
    for (const { turn } of list) turn.took(large)
    list[3]?.turn.end()
    list[5]?.turn.end()
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3, 4])
    list[0]?.turn.end()
    list[1]?.turn.end()
    list[2]?.turn.took(2 * large)
    assert.include(reading(list), 2)
  })

  it("whose sender is silent keep nobody waiting", () => {
    const { after, pass } = timers()
    const list = bodies(6, after)
    for (const { turn } of list) turn.took(large)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
    pass()
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3, 4, 5])
  })
})
