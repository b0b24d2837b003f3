/**
 * Categories: what a request can be about, and the chain of models that serves each.
 */
import { Schema } from "effect"

/** Names that mean something else in `model` or in a response header, or that are unsafe as object keys. */
const reservedNames: ReadonlySet<string> = new Set(["router", "auto", "default", "direct", "constructor", "prototype"])

export const CategoryName = Schema.String.check(
  Schema.isPattern(/^[a-z][a-z0-9_-]{0,63}$/, {
    expected: "a name of 1 to 64 characters: a-z, then a-z, 0-9, _ or -"
  }),
  Schema.makeFilter((name: string) =>
    reservedNames.has(name) ? `a name other than the reserved ${[...reservedNames].join(", ")}` : true
  )
)

/** An OpenRouter model id, `provider/model`, with an optional `:variant`. */
const ModelId = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9~@][A-Za-z0-9._~-]{0,63}(?:\/[A-Za-z0-9][A-Za-z0-9._:~@+-]{0,127}){1,3}$/, {
    expected: "a model id of the form provider/model"
  })
)

export const isModelId = Schema.is(ModelId)
export const isCategoryName = Schema.is(CategoryName)

export const mostModels = 16
export const mostKeywords = 500
/** In characters, as are the other lengths. */
export const longestKeyword = 100
export const longestDescription = 2000

/** A chain: 1 to 16 models, tried in this order, none twice. */
export const Models = Schema.NonEmptyArray(ModelId).check(
  Schema.isMaxLength(mostModels, { expected: `at most ${mostModels} models` }),
  Schema.makeFilter((models: ReadonlyArray<string>) =>
    new Set(models).size === models.length ? true : "models without doubles"
  )
)
export type Models = typeof Models.Type

/** At most 500 keywords of 1 to 100 characters. They are stored trimmed and unique. */
export const Keywords = Schema.Array(
  Schema.String.check(
    Schema.makeFilter((keyword: string) => {
      const length = keyword.trim().length
      return length >= 1 && length <= longestKeyword ? true : `a keyword of 1 to ${longestKeyword} characters`
    })
  )
).check(Schema.isMaxLength(mostKeywords, { expected: `at most ${mostKeywords} keywords` }))

export const Description = Schema.String.check(
  Schema.isMaxLength(longestDescription, { expected: `a description of at most ${longestDescription} characters` })
)

/** At most 50 requests of 1 to 2,000 characters that belong to a category. They are stored trimmed and unique. */
export const Examples = Schema.Array(
  Schema.String.check(
    Schema.makeFilter((example: string) => {
      const length = example.trim().length
      return length >= 1 && length <= 2000 ? true : "an example of 1 to 2000 characters"
    })
  )
).check(Schema.isMaxLength(50, { expected: "at most 50 examples" }))

/** Of all categories together, in characters: it bounds what the configuration holds and what its heads cost to train. */
export const mostExampleCharacters = 1_000_000

/** Beside the built-in ones. It bounds what a change of the configuration costs. */
export const mostCategories = 2000

export interface Category {
  readonly name: string
  readonly models: Models
  readonly keywords: ReadonlyArray<string>
  readonly description: string
  /** Requests that belong to it, where its owner gave some; never empty. */
  readonly examples?: ReadonlyArray<string>
  /** One of the four that ship with the product: it can be changed, not deleted. */
  readonly builtin: boolean
}

/** The category of requests that carry tools; it is chosen by their presence, never by words alone. */
export const toolsCategory = "tools"
