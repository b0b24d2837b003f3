/**
 * Custom categories that are given by nothing but examples and a name that says nothing. The examples come from one
 * source, and neither the weights nor the frequencies of words know that source or the one that is judged.
 */
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { classifyByKeywords } from "@llm-router/router/classifiers/keywords"
import { readWeights } from "@llm-router/router/classifiers/embedded/weights"
import { decodeFrequencies, encodeFrequencies } from "@llm-router/router/classifiers/embedded/wordFrequencies"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { classifierBy, decisionsOn } from "./customDecisions.ts"
import { examplesOf, featured } from "./examples.ts"
import { config as keywordConfig } from "./keywordBaseline.ts"
import { train, trainingOptions } from "./logisticRegression.ts"
import { quantise } from "./quantise.ts"
import { authoredRows, groupOf, type Label, readRows, type Row } from "./rows.ts"
import { sampled } from "./sampled.ts"

const sizes = [5, 10, 20, 50]
const seeds = [1, 2, 3]
const name = "alpha"

/** Sources with enough rows of a label to draw examples from. */
const drawn: ReadonlyArray<readonly [label: Label, group: string]> = [
  ["creative", "arena-hard-v2.0"],
  ["creative", "self-instruct-user-oriented"],
  ["translation", "templates"],
  ["translation", "clinc150"],
  ["summarization", "templates"],
  ["extraction", "templates"],
  ["extraction", "t0"]
]

/** What a category got, of its own rows and of all others. */
interface Tally {
  own: number
  ownFound: number
  others: number
  othersTaken: number
}

const emptyTally = (): Tally => ({ own: 0, ownFound: 0, others: 0, othersTaken: 0 })

const noteIn = (tally: Tally, isOwn: boolean, isTaken: boolean): void => {
  if (isOwn) tally.own++
  else tally.others++
  if (isTaken && isOwn) tally.ownFound++
  else if (isTaken) tally.othersTaken++
}

const percent = (count: number, of: number): string => (of === 0 ? "-" : ((100 * count) / of).toFixed(1)).padStart(7)

const lineOf = (what: string, { others, othersTaken, own, ownFound }: Tally): string =>
  `${what.padEnd(46)}${percent(2 * ownFound, own + ownFound + othersTaken)}${percent(ownFound, ownFound + othersTaken)}` +
  `${percent(ownFound, own)}${percent(othersTaken, others)}`

const configWith = (examples: ReadonlyArray<string>): RouterConfig => {
  const category: Category = {
    name,
    models: ["provider/model"],
    keywords: [],
    description: "",
    examples,
    builtin: false
  }
  const categories = [...builtinCategories, category].map((each) => [each.name, each] as const)
  return { ...keywordConfig, etag: examples.join(), categories: new Map(categories) }
}

/** Weights and frequencies of rows that are none of some groups. */
const classifierWithout = Effect.fnUntraced(function* (rows: ReadonlyArray<Row>, groups: ReadonlyArray<string>) {
  const { temperature } = yield* readWeights
  const known = [...rows.filter((row) => !groups.includes(groupOf(row))), ...authoredRows()]
  const weights = quantise(train(examplesOf(featured(known)), trainingOptions), temperature)
  return classifierBy(weights, yield* decodeFrequencies(encodeFrequencies(known.map(({ text }) => text))))
})

const byExamplesOf = Effect.fnUntraced(function* (rows: ReadonlyArray<Row>, from: string) {
  const trials = drawn
    .filter(([, group]) => group === from)
    .flatMap(([label]) =>
      sizes.map((size) => {
        const source = rows.filter((row) => row.label === label && groupOf(row) === from).map(({ text }) => text)
        return {
          label,
          size,
          tally: emptyTally(),
          configs: seeds.map((seed) => configWith(sampled(source, size, seed)))
        }
      })
    )
  for (const group of new Set(rows.map(groupOf))) {
    if (group === from) continue
    const judged = rows.filter((row) => groupOf(row) === group)
    const classifier = yield* classifierWithout(rows, [from, group])
    for (const { configs, label, tally } of trials) {
      for (const config of configs) {
        const said = yield* decisionsOn(
          config,
          judged.map(({ text }) => text)
        ).pipe(Effect.provide(classifier))
        said.forEach(({ category }, at) => noteIn(tally, judged[at]?.label === label, category === name))
      }
    }
  }
  return trials.map(({ label, size, tally }) => lineOf(`${label}, ${size} of ${from}`, tally))
})

const byKeywordsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> =>
  [...new Set(drawn.map(([label]) => label))].map((label) => {
    const categories = new Map([...keywordConfig.categories].filter(([, each]) => each.builtin || each.name === label))
    const config = { ...keywordConfig, categories }
    const tally = emptyTally()
    for (const row of rows) noteIn(tally, row.label === label, classifyByKeywords(config, row.text)?.category === label)
    return lineOf(`${label}, keyword rules, all sources`, tally)
  })

const Topic = Schema.Struct({ id: Schema.String, topic: Schema.String, lang: Schema.String, text: Schema.String })
const decodeTopic = Schema.decodeUnknownSync(Schema.fromJsonString(Topic))

/** Fields that no archetype knows; other requests are judged by a classifier that saw nothing of their source. */
const byTopic = Effect.fnUntraced(function* (rows: ReadonlyArray<Row>) {
  const topics = readFileSync(new URL("../data/topics.jsonl", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decodeTopic(line))
  const trials = [...new Set(topics.map(({ topic }) => topic))].flatMap((topic) =>
    sizes
      .filter((size) => size < 25)
      .map((size) => {
        const source = topics.filter((each) => each.topic === topic).map(({ text }) => text)
        const draws = seeds.map((seed) => sampled(source, size, seed))
        return {
          topic,
          size,
          tally: emptyTally(),
          draws: draws.map((examples) => ({ examples, config: configWith(examples) }))
        }
      })
  )
  for (const group of new Set(rows.map(groupOf))) {
    const classifier = yield* classifierWithout(rows, [group])
    const others = rows.filter((row) => groupOf(row) === group).map(({ text }) => text)
    for (const { draws, tally, topic } of trials) {
      for (const { config, examples } of draws) {
        const own = topics.filter((each) => each.topic === topic && !examples.includes(each.text))
        const said = yield* decisionsOn(config, [...others, ...own.map(({ text }) => text)]).pipe(
          Effect.provide(classifier)
        )
        said.forEach(({ category }, at) => noteIn(tally, at >= others.length, category === name))
      }
    }
  }
  // Its own rows are judged once for each source, and there are few of them: precision would mean nothing.
  return trials.map(
    ({ size, tally, topic }) =>
      `${`${topic}, ${size} examples`.padEnd(60)}${percent(tally.ownFound, tally.own)}${percent(tally.othersTaken, tally.others)}`
  )
})

export const customByExamples = Effect.fnUntraced(function* (path: string) {
  const rows = readRows(path, "train")
  const lines = [`${"".padEnd(46)}     F1  prec. recall  false`, ...byKeywordsOf(rows)]
  for (const group of new Set(drawn.map(([, from]) => from))) lines.push(...(yield* byExamplesOf(rows, group)))
  lines.push(...(yield* byTopic(rows)))
  return lines.join("\n")
})
