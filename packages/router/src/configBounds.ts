/** The bounds on all categories together, for the file and for changes through the API. */
import { builtinCategoryNames } from "@llm-router/domain/builtinCategories"
import { type Category, mostCategories, mostExampleCharacters } from "@llm-router/domain/Category"

/** Whether these are more categories than there may be. */
export const areTooMany = (names: Iterable<string>): boolean => {
  let custom = 0
  for (const name of names) if (!builtinCategoryNames.has(name)) custom++
  return custom > mostCategories
}

export const countRule = `expected at most ${mostCategories} categories beside the built-in ones`

/** The category whose examples are too much for what all may hold together. */
export const overfullCategory = (categories: Iterable<Category>): string | undefined => {
  let characters = 0
  for (const { examples = [], name } of categories) {
    for (const { length } of examples) characters += length
    if (characters > mostExampleCharacters) return name
  }
  return undefined
}

export const examplesRule = `expected at most ${mostExampleCharacters} characters of examples in all categories together`
