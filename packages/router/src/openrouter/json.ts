/** Reading JSON of others: every member may be missing or of another type. */

export type Fields = Readonly<Record<string, unknown>>

const nothing: Fields = {}

/** The members of an object; none for anything else. */
export const fieldsOf = (value: unknown): Fields =>
  // Every property of an object can be read as unknown.
  typeof value === "object" && value !== null ? (value as Fields) : nothing

/** The object that a text holds; `undefined` when it is not JSON or not an object. */
export const parseFields = (text: string): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? fieldsOf(value) : undefined
  } catch {
    return undefined
  }
}

export const stringOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

export const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
