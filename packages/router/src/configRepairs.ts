/**
 * What is stored of lists and texts as they were given. A first version's file knew no bounds: what goes beyond ours is
 * left out, and each repair told by the name that the field has in that file.
 */
import {
  isModelId,
  longestDescription,
  longestKeyword,
  mostKeywords,
  mostModels,
  type Models
} from "@llm-router/domain/Category"
import { pathText } from "./configFaults.ts"

interface Repaired<A> {
  readonly value: A
  /** A line for each kind of repair and each list. */
  readonly notes: ReadonlyArray<string>
}

/** A list of the file, and where it stands. */
export interface GivenList {
  readonly path: ReadonlyArray<PropertyKey>
  readonly texts: ReadonlyArray<string>
}

interface Item {
  readonly list: string
  readonly index: number
  readonly text: string
}

const mostTold = 5
const longestTold = 40

const itemsOf = ({ path, texts }: GivenList): ReadonlyArray<Item> => {
  const list = pathText(path)
  return texts.map((text, index) => ({ list, index, text }))
}

const trimmed = (item: Item): Item => ({ ...item, text: item.text.trim() })

const toldOf = ({ index, text }: Item): string =>
  `[${index}] ${JSON.stringify(text.length <= longestTold ? text : `${text.slice(0, longestTold)}...`)}`

const notesOn = (what: string, items: ReadonlyArray<Item>, consequence = ""): ReadonlyArray<string> =>
  [...Map.groupBy(items, ({ list }) => list)].map(([list, those]) => {
    const more = those.length - mostTold
    const told = [...those.slice(0, mostTold).map(toldOf), ...(more > 0 ? [`and ${more} more`] : [])]
    return `${list}: ${what} ${told.join(", ")}${consequence}`
  })

/** Each once, whatever its case, in the order of their first. */
const firstOfEach = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyArray<A> => {
  const unique = new Map<string, A>()
  for (const item of items) {
    const key = keyOf(item)
    if (!unique.has(key)) unique.set(key, item)
  }
  return [...unique.values()]
}

const isNotBlank = (text: string): boolean => text !== ""

/** Keywords as they are stored: trimmed, and each once, whatever its case. */
export const cleanKeywords = (keywords: ReadonlyArray<string>): ReadonlyArray<string> =>
  firstOfEach(keywords.map((word) => word.trim()).filter(isNotBlank), (word) => word.toLowerCase())

/** The beginning of a text that is too long, without half of a character at its end. */
const beginningOf = (text: string, length: number): string =>
  text.length <= length
    ? text
    : text
        .slice(0, length)
        .replace(/[\uD800-\uDBFF]$/, "")
        .trimEnd()

/** A chain of these models; one of none is served by the default model. */
export const repairedModels = (given: GivenList, defaultModel: string): Repaired<Models> => {
  const items = itemsOf(given)
  const ids = items.map(trimmed)
  const unique = firstOfEach(
    ids.filter(({ text }) => isModelId(text)),
    ({ text }) => text
  )
  const [first = defaultModel, ...others] = unique.map(({ text }) => text)
  const spaced = items.filter(({ text }) => text !== text.trim() && isModelId(text.trim()))
  const strange = items.filter(({ text }) => !isModelId(text.trim()))
  return {
    value: [first, ...others.slice(0, mostModels - 1)],
    notes: [
      ...notesOn("took away the spaces around", spaced),
      ...notesOn(
        "left out what is no model id of the form provider/model:",
        strange,
        unique.length === 0 ? "; DEFAULT_MODEL serves the category" : ""
      ),
      ...notesOn(`kept the first ${mostModels} models; left out`, unique.slice(mostModels))
    ]
  }
}

/** The keywords of all these lists as one. */
export const repairedKeywords = (given: ReadonlyArray<GivenList>): Repaired<ReadonlyArray<string>> => {
  const items = given.flatMap(itemsOf).map(trimmed)
  const words = items
    .filter(({ text }) => isNotBlank(text))
    .map((item) => ({ ...item, text: beginningOf(item.text, longestKeyword) }))
  const unique = firstOfEach(words, ({ text }) => text.toLowerCase())
  return {
    value: unique.slice(0, mostKeywords).map(({ text }) => text),
    notes: [
      ...notesOn(
        `kept the first ${longestKeyword} characters of`,
        items.filter(({ text }) => text.length > longestKeyword)
      ),
      ...notesOn(`kept the first ${mostKeywords} keywords; left out`, unique.slice(mostKeywords))
    ]
  }
}

export const repairedDescription = (path: ReadonlyArray<PropertyKey>, given: string): Repaired<string> => ({
  value: beginningOf(given, longestDescription),
  notes:
    given.length <= longestDescription ? [] : [`${pathText(path)}: kept the first ${longestDescription} characters`]
})
