/** Repeatable chance. */

/** Numbers from 0 up to 1, the same ones for the same seed: a 32-bit xorshift (Marsaglia, "Xorshift RNGs", 2003). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}

/** One of a list that is not empty. */
export const pick = <A>(random: () => number, [first, ...rest]: readonly [A, ...ReadonlyArray<A>]): A =>
  rest[Math.floor(random() * (rest.length + 1)) - 1] ?? first
