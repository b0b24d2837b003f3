import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { labels } from "../src/dialogues.ts"

const directory = new URL("../data/authored/", import.meta.url)

const subs: Readonly<Record<string, ReadonlyArray<string>>> = {
  reasoning: ["analysis", "knowledge"],
  creative: ["fiction", "writing"],
  conversation: ["smalltalk", "emotional", "opinion", "ack", "complaint"]
}

const Row = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  lang: Schema.Literals(["en", "fr", "es", "de"]),
  label: Schema.Literals(labels),
  sub: Schema.optional(Schema.String)
})

const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(Row), { onExcessProperty: "error" })

const rowsOf = (label: string) =>
  readFileSync(new URL(`${label}.jsonl`, directory), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => decodeRow(line))

const rows = labels.flatMap(rowsOf)

/** Case, accents, punctuation and spaces aside: what makes two prompts the same. */
const normalised = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

const repeated = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.filter((value, index) => values.indexOf(value) !== index)

const wordTrigrams = (text: string): ReadonlySet<string> => {
  const words = normalised(text).split(" ")
  return new Set(words.slice(2).map((word, index) => `${words[index]} ${words[index + 1]} ${word}`))
}

/** Pairs of texts and the share of the trigrams of both that they have in common; none for those without any. */
const likenesses = (grams: ReadonlyArray<ReadonlySet<string>>): ReadonlyMap<string, number> => {
  const holders = new Map<string, Array<number>>()
  const shared = new Map<string, number>()
  grams.forEach((own, index) => {
    for (const gram of own) {
      const before = holders.get(gram) ?? []
      for (const other of before) shared.set(`${other} ${index}`, (shared.get(`${other} ${index}`) ?? 0) + 1)
      holders.set(gram, [...before, index])
    }
  })
  const size = (index: string | undefined): number => grams[Number(index)]?.size ?? 0
  return new Map(
    [...shared].map(([pair, count]) => {
      const [one, other] = pair.split(" ")
      return [pair, count / (size(one) + size(other) - count)]
    })
  )
}

const share = (lang: string): number => rows.filter((row) => row.lang === lang).length / rows.length

describe("the authored prompts", () => {
  it("are one file per label", () => {
    const files = readdirSync(directory).filter((name) => name.endsWith(".jsonl"))
    assert.sameMembers(
      files,
      labels.map((label) => `${label}.jsonl`)
    )
  })

  it.each(labels)("%s holds rows of its label, numbered, with the subs that its label has", (label) => {
    const own = rowsOf(label)
    assert.isAtLeast(own.length, 40)
    for (const row of own) {
      assert.strictEqual(row.label, label)
      assert.match(row.id, new RegExp(`^${label}-\\d{3}$`))
      assert.strictEqual(subs[label]?.includes(row.sub ?? "") ?? row.sub === undefined, true, row.id)
    }
  })

  it("are 2 to 1,500 characters long, without space around them", () => {
    const odd = rows.filter(({ text }) => text.trim() !== text || text.length < 2 || text.length > 1_500)
    assert.deepStrictEqual(
      odd.map(({ id }) => id),
      []
    )
  })

  it("speak English and French above all, Spanish and German too", () => {
    assert.isAtLeast(rows.length, 700)
    assert.isAtLeast(share("en"), 0.4)
    assert.isAtLeast(share("fr"), 0.35)
    assert.isAtLeast(share("es"), 0.05)
    assert.isAtLeast(share("de"), 0.05)
  })

  it("are all different", () => {
    assert.deepStrictEqual(repeated(rows.map(({ id }) => id)), [])
    // Signs are all that tells some pieces of bare code apart: these are compared as they stand.
    assert.deepStrictEqual(repeated(rows.map(({ text }) => normalised(text) || text)), [])
  })

  it("are no variations of each other", () => {
    const alike = [...likenesses(rows.map(({ text }) => wordTrigrams(text)))]
      .filter(([, likeness]) => likeness >= 0.6)
      .map(([pair]) =>
        pair
          .split(" ")
          .map((index) => rows[Number(index)]?.id)
          .join(" ~ ")
      )
    assert.deepStrictEqual(alike, [])
  })
})
