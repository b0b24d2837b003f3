/** Labelled prompts: what the classifier learns from and is measured on. */
import { type Archetype, archetypes } from "@llm-router/router/classifiers/embedded/archetypes"
import { Schema } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** What is told apart when quality is measured; several archetypes can be one label. */
export const labels = [
  "code",
  "reasoning",
  "conversation",
  "creative",
  "translation",
  "summarization",
  "extraction"
] as const
export type Label = (typeof labels)[number]

const RawRow = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  lang: Schema.String,
  label: Schema.Literals([...labels, "math"]),
  sub: Schema.optional(Schema.NullOr(Schema.String)),
  source: Schema.optional(Schema.String)
})
type RawRow = typeof RawRow.Type

export interface Row {
  readonly id: string
  readonly text: string
  /** `en`, `fr`, ...; `xx` when it is another one. */
  readonly language: string
  readonly label: Label
  readonly archetype: Archetype
  /** A plain question of knowledge, which some would call conversation. */
  readonly isKnowledge: boolean
  readonly source: string
}

const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(RawRow))

const labelOf: Readonly<Record<Archetype, Label>> = {
  code: "code",
  math: "reasoning",
  knowledge: "reasoning",
  analysis: "reasoning",
  conversation: "conversation",
  fiction: "creative",
  writing: "creative",
  translation: "translation",
  summarization: "summarization",
  extraction: "extraction"
}

/** By archetype, in their order: the index of its label. */
export const labelIndexes: ReadonlyArray<number> = archetypes.map((archetype) => labels.indexOf(labelOf[archetype]))

const archetypeOf = ({ label, sub }: RawRow): Archetype => {
  if (label === "reasoning") return sub === "analysis" ? "analysis" : "knowledge"
  if (label === "creative") return sub === "writing" ? "writing" : "fiction"
  return label
}

const rowOf = (raw: RawRow, source: string): Row => {
  const archetype = archetypeOf(raw)
  return {
    id: raw.id,
    text: raw.text,
    language: raw.lang,
    label: labelOf[archetype],
    archetype,
    isKnowledge: archetype === "knowledge",
    source: raw.source ?? source
  }
}

/** The rows of a file, one JSON object a line; those that name no source are of `source`. */
export const readRows = (path: string, source: string): ReadonlyArray<Row> =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => rowOf(decodeRow(line), source))

const authoredSource = "authored"
const authoredDirectory = new URL("../data/authored/", import.meta.url).pathname

/** The prompts written for this repository: always in training, never measured. */
export const authoredRows = (): ReadonlyArray<Row> =>
  existsSync(authoredDirectory)
    ? readdirSync(authoredDirectory)
        .filter((name) => name.endsWith(".jsonl"))
        .toSorted()
        .flatMap((name) => readRows(join(authoredDirectory, name), authoredSource))
    : []

/** Sources that are one by their making: a fold leaves all of a group out. */
const groupsOfSources: ReadonlyArray<readonly [RegExp, string]> = [
  [/^authored-template/, "templates"],
  [/^t0:/, "t0"],
  [/^llmrouter:/, "llmrouter"],
  [/^(?:gsm8k|mgsm-fr|mbpp)$/, "gsm8k, mgsm, mbpp"]
]

export const groupOf = ({ source }: Row): string =>
  groupsOfSources.find(([pattern]) => pattern.test(source))?.[1] ?? source
