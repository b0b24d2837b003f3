/** Names in `.env` that are no settings: one that is close to a setting is most likely meant to be that one. */

export interface MisspeltName {
  readonly name: string
  /** The setting that is meant, most likely. */
  readonly meant: string
}

/** One letter in four may be wrong, missing or too many: `OPENROUTER_KEY`, `OLAMA_URL`. */
const mostWrong = 1 / 4
/** Longer names are nobody's. */
const longestName = 60

/** How many letters must be put in, taken out or replaced to make one text of the other (Levenshtein). */
const distanceBetween = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [at, letter] of [...from].entries()) {
    const above = row
    row = [at + 1]
    for (const [index, other] of [...to].entries()) {
      const [replaced = 0, removed = 0, added = 0] = [above[index], above[index + 1], row[index]]
      row.push(letter === other ? replaced : 1 + Math.min(replaced, removed, added))
    }
  }
  return row.at(-1) ?? 0
}

/** The `.env` may be there for other programs too: a name that is like none of ours is theirs. */
export const misspeltIn = (names: ReadonlyArray<string>, known: ReadonlyArray<string>): ReadonlyArray<MisspeltName> =>
  names.flatMap((name): ReadonlyArray<MisspeltName> => {
    if (name.length > longestName || known.includes(name)) return []
    const [nearest] = known
      .map((meant) => ({ meant, distance: distanceBetween(name.toUpperCase(), meant) }))
      .toSorted((a, b) => a.distance - b.distance)
    return nearest !== undefined && nearest.distance <= nearest.meant.length * mostWrong
      ? [{ name, meant: nearest.meant }]
      : []
  })
