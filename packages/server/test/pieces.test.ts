import { bytesInUse } from "@llm-router/testing/heap"
import { describe, expect, it } from "vitest"
import { Pieces } from "../src/http/Pieces.ts"

describe("a body in pieces", () => {
  it("is what came, in its order, whatever the pieces' sizes", () => {
    const pieces = new Pieces()
    const sizes = [1, 5_000, 3, 3, 4_096, 4_095, 1, 70_000, ...Array.from({ length: 600 }, (_, index) => index % 9)]
    const given = sizes.map((size, index) => Buffer.alloc(size, index % 251))
    for (const piece of given) pieces.add(piece)
    expect(pieces.whole().equals(Buffer.concat(given))).toBe(true)
  })

  it("of a byte each takes the memory of its bytes", () => {
    const before = bytesInUse()
    const pieces = new Pieces()
    for (let bytes = 0; bytes < 300_000; bytes++) pieces.add(Buffer.from("x"))
    expect(bytesInUse() - before).toBeLessThan(5 * 1024 * 1024)
    expect(pieces.whole()).toHaveLength(300_000)
  })
})
