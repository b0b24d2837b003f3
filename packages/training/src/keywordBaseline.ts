/** The keyword rules on labelled rows, with the other labels as the custom categories that a user would make of them. */
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { classifyByKeywords } from "@llm-router/router/classifiers/keywords"
import type { Predicted } from "./measures.ts"
import { type Label, labels, type Row } from "./rows.ts"

const custom = (name: Label, keywords: ReadonlyArray<string>, description: string): Category => ({
  name,
  keywords,
  models: ["provider/model"],
  description,
  builtin: false
})

const categories: ReadonlyArray<Category> = [
  ...builtinCategories,
  custom(
    "creative",
    ["story", "poem", "fiction", "creative", "histoire", "poème"],
    "Stories, poems and other creative writing"
  ),
  custom("translation", ["translate", "translation", "traduire", "traduis"], "Translating between human languages"),
  custom("summarization", ["summarize", "summary", "tldr", "résume", "résumé"], "Making a text shorter"),
  custom("extraction", ["extract", "classify", "extrait", "json"], "Finding names, fields and classes in a text")
]

/** The built-in categories, and what a user would write for the other labels. */
export const config: RouterConfig = {
  etag: "keyword-baseline",
  circuit: defaultCircuit,
  prices: new Map(),
  categories: new Map(categories.map((category) => [category.name, category]))
}

/** What keywords leave open goes to `conversation`, the default category. */
export const predictedByKeywords = (rows: ReadonlyArray<Row>): ReadonlyArray<Predicted> =>
  rows.map(({ label, text }) => {
    const said = classifyByKeywords(config, text)
    const index = labels.findIndex((name) => name === (said?.category ?? "conversation"))
    return { gold: labels.indexOf(label), label: index, confidence: said?.confidence ?? 0 }
  })
