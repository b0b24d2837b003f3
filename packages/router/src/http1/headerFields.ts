/**
 * The header fields of a message of HTTP/1.1 (RFC 9112, 5), for the two ends of a chat request: the client's request and
 * the upstream's answer. Strict: a head that could be read in two ways is none.
 */

/** By name in lower case. */
export type HeaderFields = Readonly<Record<string, string>>

/** The two bytes that end a line, twice. */
export const headEnd = Buffer.from("\r\n\r\n")

const space = 0x20
const tab = 0x09

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const notInValue = /[^\t\x20-\x7e\x80-\xff]/

/** Neither control characters nor half an end of line, in what comes and in what is sent. */
export const isFieldValue = (value: string): boolean => !notInValue.test(value)

const isBlank = (code: number): boolean => code === space || code === tab

/** The value from `start` to `end`, without the blanks around it. */
const valueOf = (head: string, start: number, end: number): string => {
  while (start < end && isBlank(head.charCodeAt(start))) start++
  while (end > start && isBlank(head.charCodeAt(end - 1))) end--
  return head.slice(start, end)
}

/**
 * The fields of a head, Latin-1 without the empty line that ends it. `firstLineEnd` is where its first line ends. A name
 * that comes again has its values `joined` by a comma, or makes it no head; so do more fields than `most`.
 */
export const headerFieldsOf = (
  head: string,
  firstLineEnd: number,
  { most, repeated }: { readonly most: number; readonly repeated: "joined" | "refused" }
): HeaderFields | undefined => {
  const fields: Record<string, string> = {}
  let end = firstLineEnd
  let count = 0
  while (end < head.length) {
    if (++count > most) return undefined
    const start = end + 2
    const next = head.indexOf("\r\n", start)
    end = next < 0 ? head.length : next
    const colon = head.indexOf(":", start)
    if (colon < 0 || colon > end) return undefined
    const name = head.slice(start, colon).toLowerCase()
    if (!fieldName.test(name)) return undefined
    const value = valueOf(head, colon + 1, end)
    if (notInValue.test(value)) return undefined
    // Not what every object has, such as its `constructor`.
    const before = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (before === undefined) fields[name] = value
    else if (repeated === "joined") fields[name] = `${before}, ${value}`
    // Tools that have a default send it beside their user's. Of two the first counts, as in Node.
    else if (name !== "content-type") return undefined
  }
  return fields
}
