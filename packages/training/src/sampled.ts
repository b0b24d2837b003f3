/** Draws that are the same everywhere. */

/** A linear congruential generator (Numerical Recipes): enough for an order. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** The first `size` of a random order. */
export const sampled = <A>(items: ReadonlyArray<A>, size: number, seed: number): ReadonlyArray<A> => {
  const random = randomFrom(seed)
  return items
    .map((item) => [random(), item] as const)
    .toSorted(([one], [other]) => one - other)
    .slice(0, size)
    .map(([, item]) => item)
}
