/**
 * The first value that a classifier's JSON schema allows.
 */
import { Option, Schema } from "effect"

const CategorySchema = Schema.Struct({
  properties: Schema.Struct({ category: Schema.Struct({ enum: Schema.NonEmptyArray(Schema.String) }) })
})

const decode = Schema.decodeUnknownOption(CategorySchema)

/** `undefined` when the schema has no property `category` with an enum of strings. */
export const firstCategoryOf = (jsonSchema: unknown): string | undefined =>
  Option.getOrUndefined(Option.map(decode(jsonSchema), ({ properties }) => properties.category.enum[0]))
