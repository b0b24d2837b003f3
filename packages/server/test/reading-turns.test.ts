/** Large bodies take turns: nobody waits behind hundreds of them. */
import { assert, describe, it } from "@effect/vitest"
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import { readingTurns } from "../src/http/readingTurns.ts"

const large = 300_000

/** A clock that a test moves itself. */
const timers = () => {
  let time = 0
  const due = new Map<() => void, number>()
  return {
    monotonic: () => time,
    after: (delayMillis: number, callback: () => void) => {
      due.set(callback, time + delayMillis)
      return () => void due.delete(callback)
    },
    pass: (millis: number) => {
      time += millis
      for (const [callback, at] of Array.from(due)) if (at <= time && due.delete(callback)) callback()
    }
  }
}

const sourceOf = (length?: number): IncomingMessage => {
  const source = new IncomingMessage(new Socket())
  if (length !== undefined) source.headers["content-length"] = String(length)
  source.resume()
  return source
}

/** One body for each length. */
const bodies = (lengths: ReadonlyArray<number | undefined>, clock: Parameters<typeof readingTurns>[0] = timers()) => {
  const turns = readingTurns(clock)
  return lengths.map((length) => {
    const source = sourceOf(length)
    const body = { source, refused: false }
    const refuse = () => void (body.refused = true)
    return Object.assign(body, { turn: turns.toRead(source, refuse) })
  })
}

const reading = (list: ReturnType<typeof bodies>) =>
  list.flatMap(({ source }, index) => (source.isPaused() ? [] : [index]))

const mebibyte = 1024 * 1024
const alike = (count: number) => Array.from({ length: count }, () => 30 * mebibyte)

describe("large bodies", () => {
  it("are read as they come while they are small", () => {
    const list = bodies(alike(50))
    for (const { turn } of list) turn.took(60_000)
    assert.lengthOf(reading(list), 50)
  })

  it("are read four at a time", () => {
    const list = bodies(alike(10))
    for (const { turn } of list) turn.took(large)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
  })

  it("whose end is nearest go first", () => {
    const list = bodies([...alike(4), 9 * mebibyte, mebibyte, 2 * mebibyte])
    for (const { turn } of list) turn.took(large)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
    list[0]?.turn.took(large)
    assert.deepStrictEqual(reading(list), [1, 2, 3, 5])
    list[1]?.turn.took(large)
    list[2]?.turn.took(large)
    assert.deepStrictEqual(reading(list), [3, 4, 5, 6])
  })

  it("of unknown length come last, and then one to its end before the next", () => {
    const list = bodies([...Array.from({ length: 6 }, () => undefined), 30 * mebibyte])
    for (const { turn } of list) turn.took(70_000)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
    list[0]?.turn.took(70_000)
    assert.deepStrictEqual(reading(list), [1, 2, 3, 6])
    list[6]?.turn.end()
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3, 6])
  })

  it("one alone is read without a pause", () => {
    const list = bodies([30 * mebibyte])
    for (let piece = 0; piece < 20; piece++) {
      list[0]?.turn.took(large)
      assert.deepStrictEqual(reading(list), [0])
    }
  })

  it("give their place to the next at their end", () => {
    const list = bodies(alike(6))
    for (const { turn } of list) turn.took(large)
    list[3]?.turn.end()
    list[5]?.turn.end()
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3, 4])
  })

  it("whose sender is silent keep nobody waiting", () => {
    const clock = timers()
    const list = bodies(alike(6), clock)
    for (const { turn } of list) turn.took(large)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3])
    clock.pass(20)
    assert.deepStrictEqual(reading(list), [0, 1, 2, 3, 4, 5])
  })

  it("are read 64 MiB a second, whoever sends them, once 32 MiB came at once", () => {
    const clock = timers()
    const list = bodies(alike(2), clock)
    list[0]?.turn.took(32 * mebibyte)
    list[1]?.turn.took(16 * mebibyte)
    assert.deepStrictEqual(reading(list), [])
    clock.pass(249)
    assert.deepStrictEqual(reading(list), [])
    clock.pass(2)
    assert.deepStrictEqual(reading(list), [0, 1])
  })

  it("in pieces of a byte count for a thousand each", () => {
    const list = bodies(alike(1))
    const [body] = list
    body?.turn.took(mebibyte)
    for (let piece = 0; piece < 31 * 1024 - 1; piece++) body?.turn.took(1)
    assert.deepStrictEqual(reading(list), [0])
    body?.turn.took(1)
    assert.deepStrictEqual(reading(list), [])
  })

  it("that wait for ten seconds are refused, not those whose sender is silent", () => {
    const clock = timers()
    const [waits, silent] = bodies(alike(2), clock)
    silent?.turn.took(large)
    clock.pass(20)
    waits?.turn.took(2_000 * mebibyte)
    clock.pass(9_999)
    assert.deepStrictEqual([waits?.refused, silent?.refused], [false, false])
    clock.pass(1)
    assert.deepStrictEqual([waits?.refused, silent?.refused], [true, false])
  })

  it("of unknown length are read an eighth as fast", () => {
    const clock = timers()
    const list = bodies([undefined], clock)
    list[0]?.turn.took(6 * mebibyte)
    clock.pass(249)
    assert.deepStrictEqual(reading(list), [])
    clock.pass(2)
    assert.deepStrictEqual(reading(list), [0])
  })

  it("that are thrown away wait for those that are read", () => {
    const turns = readingTurns(timers())
    const [refused, ...others] = [mebibyte, ...alike(5)].map(sourceOf)
    const reads = others.map((source) => turns.toRead(source, () => undefined))
    if (refused === undefined) throw new TypeError("there is one")
    reads.slice(0, 4).forEach(({ took }) => took(large))
    turns.toThrowAway(refused).took(1)
    assert.isTrue(refused.isPaused())
    reads[4]?.took(large)
    reads[0]?.end()
    assert.isTrue(refused.isPaused())
    reads[1]?.end()
    assert.isFalse(refused.isPaused())
  })
})
