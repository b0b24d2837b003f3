/** Names that are no settings: one that is close to a setting is most likely meant to be that one. */

export interface MisspeltName {
  readonly name: string
  /** The setting that is meant, most likely. */
  readonly meant: string
  readonly place: "the environment" | ".env"
}

/** One letter in four may be wrong, missing or too many: `OPENROUTER_KEY`, `OLAMA_URL`. */
const mostWrong = 1 / 4
/** Longer names are nobody's. */
const longestName = 60

/** First words of settings that other programs' variables begin with too. */
const commonWords: ReadonlySet<string> = new Set(
  "CLIENT DEFAULT HOST LOG MAX MODEL OLLAMA OTEL PORT RATE REQUEST RETRIES REUSE SHUTDOWN STREAM TOOLS TRACE".split(" ")
)

/** `ROUTER` of `ROUTER_API_KEYS`. */
const firstWord = (name: string): string => name.toUpperCase().replace(/_.*/s, "")

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

/** The setting that a name is like, unless it is one itself. */
const meantBy = (name: string, known: ReadonlyArray<string>): string | undefined => {
  if (name.length > longestName || known.includes(name)) return undefined
  const [nearest] = known
    .map((meant) => ({ meant, distance: distanceBetween(name.toUpperCase(), meant) }))
    .toSorted((a, b) => a.distance - b.distance)
  return nearest !== undefined && nearest.distance <= nearest.meant.length * mostWrong ? nearest.meant : undefined
}

/**
 * `.env` may be there for other programs too: a name that is like none of ours is theirs. The environment certainly is:
 * of its names only those count that begin as this product's do.
 */
export const misspeltIn = (
  names: { readonly environment: ReadonlyArray<string>; readonly dotEnv: ReadonlyArray<string> },
  known: ReadonlyArray<string>
): ReadonlyArray<MisspeltName> => {
  const ownWords = new Set(known.map(firstWord).filter((word) => !commonWords.has(word)))
  const misspelt = (place: MisspeltName["place"]) => (name: string) => {
    const meant = meantBy(name, known)
    return meant === undefined ? [] : [{ name, meant, place }]
  }
  return [
    ...names.environment.filter((name) => ownWords.has(firstWord(name))).flatMap(misspelt("the environment")),
    ...names.dotEnv.flatMap(misspelt(".env"))
  ]
}
