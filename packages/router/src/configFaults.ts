/**
 * What is wrong with a configuration file, in words that name the place: line and column of a syntax error,
 * path and line of a field.
 */
import { JsonScan, membersOf, noLimits } from "@llm-router/domain/jsonScan"
import type { Member } from "@llm-router/domain/jsonSpans"
import { Result, SchemaIssue } from "effect"

const maximumFaults = 5
const maximumLength = 300

const shortened = (text: string): string => (text.length <= maximumLength ? text : `${text.slice(0, maximumLength)}...`)

const lineAndColumn = (text: string, position: number): string => {
  const before = text.slice(0, position).split("\n")
  return `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`
}

const parseErrorOf = (text: string): string | undefined => {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const unexpectedToken = /^Unexpected token '(.+?)', /s

/**
 * V8 gives the position of a syntax error, except of an unexpected token and of an unexpected end. A text that
 * is cut before the unexpected token ends too early instead: the longest such cut is where the token stands.
 */
const positionOf = (text: string, message: string): number => {
  const given = /at position (\d+)/.exec(message)?.[1]
  if (given !== undefined) return Number(given)
  if (!unexpectedToken.test(message)) return text.length
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (unexpectedToken.test(parseErrorOf(text.slice(0, middle)) ?? "")) high = middle - 1
    else low = middle
  }
  return low
}

/** No format has more; whoever walks a value, or writes it in a message, comes to an end. */
const mostLevels = 64

const isTooDeep = (text: string): boolean =>
  new JsonScan({ ...noLimits, depth: mostLevels }).exceededBy(Buffer.from(text)) !== undefined

/** The JSON value of the text, or why it is not JSON, with line and column. */
export const parseJson = (text: string): Result.Result<unknown, string> => {
  const message = parseErrorOf(text)
  if (message === undefined) {
    if (isTooDeep(text)) {
      return Result.fail(`expected at most ${mostLevels} levels of objects and lists in one another`)
    }
    const value: unknown = JSON.parse(text)
    return Result.succeed(value)
  }
  const token = unexpectedToken.exec(message)?.[1]
  const what = token === undefined ? message.replace(/ in JSON.*$/s, "") : `Unexpected token '${token}'`
  return Result.fail(`${lineAndColumn(text, positionOf(text, message))}: not valid JSON: ${what}`)
}

/** `categories.creative.models[0]`. */
export const pathText = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`
      const name = String(key)
      if (!/^[\w-]+$/.test(name)) return `[${JSON.stringify(name)}]`
      return index === 0 ? name : `.${name}`
    })
    .join("")

const lineAt = (bytes: Buffer, position: number): number => bytes.toString("utf8", 0, position).split("\n").length

const isObjectAt = (bytes: Buffer, start: number): boolean => bytes[start] === 0x7b

/** The line of the innermost object member on the path, since that is where its owner will look. */
const lineOf = (text: string, path: ReadonlyArray<PropertyKey>): number | undefined => {
  const bytes = Buffer.from(text)
  let found: Member | undefined
  for (const key of path) {
    const members: ReadonlyArray<Member> =
      found === undefined || isObjectAt(bytes, found.start) ? membersOf(bytes, found?.start, found?.end) : []
    const next = members.findLast((member) => member.name === key)
    if (next === undefined) break
    found = next
  }
  return found && lineAt(bytes, found.start)
}

const placed = (path: ReadonlyArray<PropertyKey>, what: string, line: number | undefined): string => {
  const place = path.length === 0 ? "" : `${pathText(path)}: `
  return `${place}${shortened(what)}${line === undefined ? "" : ` (line ${line})`}`
}

/** One fault of a field. */
export const faultAt = (text: string, path: ReadonlyArray<PropertyKey>, what: string): string =>
  placed(path, what, lineOf(text, path))

/** The first five of what was found, spelled out: a file may have any number, and each is looked for in its text. */
export const spelledOut = <A>(found: ReadonlyArray<A>, spell: (item: A) => string): ReadonlyArray<string> => {
  const more = found.length - maximumFaults
  return [...found.slice(0, maximumFaults).map(spell), ...(more > 0 ? [`and ${more} more`] : [])]
}

/** Files have objects in objects in the one object; what is deeper is of no format. */
const deepest = 3

/**
 * Each member whose name its object has already, with what to say of it: `JSON.parse` keeps the last one and tells
 * nobody, and the next change would take the first one off the disk. `text` is valid JSON.
 */
export const doubledMembers = (text: string, what: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(text)
  const doubled: Array<{ readonly path: ReadonlyArray<string>; readonly member: Member }> = []
  const look = (path: ReadonlyArray<string>, start: number, end: number): void => {
    const names = new Set<string>()
    for (const member of membersOf(bytes, start, end)) {
      const here = [...path, member.name]
      if (names.has(member.name)) doubled.push({ path: here, member })
      names.add(member.name)
      if (here.length < deepest && isObjectAt(bytes, member.start)) look(here, member.start, member.end)
    }
  }
  look([], 0, bytes.length)
  return spelledOut(doubled, ({ member, path }) => placed(path, what, lineAt(bytes, member.start)))
}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (leaf) => {
    if (leaf._tag === "UnexpectedKey") return "unknown key"
    if (leaf._tag === "MissingKey") return "missing"
    return SchemaIssue.defaultLeafHook(leaf)
  }
})

// Our own filters answer with what they want ("models without doubles"); Effect's begin with "Expected".
const wording = (message: string): string => {
  if (message === "unknown key" || message === "missing") return message
  return `expected ${message.replace(/^Expected /, "")}`
}

export interface Fault {
  readonly path: ReadonlyArray<PropertyKey>
  readonly what: string
}

/** Each fault of a value that its schema refused. */
export const faultsOf = (issue: SchemaIssue.Issue): ReadonlyArray<Fault> =>
  formatIssue(issue).issues.map((found) => ({
    path: (found.path ?? []).map((segment) => (typeof segment === "object" ? segment.key : segment)),
    what: shortened(wording(found.message))
  }))

/** All faults of a value at `path` of the file, the first five spelled out. */
export const describeIssue = (text: string, path: ReadonlyArray<PropertyKey>, issue: SchemaIssue.Issue): string => {
  const spelled = spelledOut(faultsOf(issue), (fault) => faultAt(text, [...path, ...fault.path], fault.what))
  return spelled.join("; ")
}
