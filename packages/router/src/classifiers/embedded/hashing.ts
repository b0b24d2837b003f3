/** Hashes of words: FNV-1a as they are read, mixed once they are whole. All are signed 32-bit integers. */

export const offsetBasis = 0x811c9dc5 | 0

/** FNV-1a, one step. */
export const hashStep = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193)

const spread = (hash: number): number => {
  let h = hash ^ (hash >>> 15)
  h = Math.imul(h, 0x2c1b3c6d)
  h ^= h >>> 12
  h = Math.imul(h, 0x297a2d39)
  return h ^ (h >>> 15)
}

/** Spreads what the last step left in the high bits. */
export const mixed = spread

/** Of two hashes, in this order. */
export const combined = (first: number, second: number): number => spread(Math.imul(first, 0x01000193) ^ second)
