/** Custom categories beside the kinds of request that the embedded classifier knows. */
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { archetypes } from "../src/classifiers/embedded/archetypes.ts"
import { EmbeddedClassifier } from "../src/classifiers/embedded.ts"
import { classifyByKeywords } from "../src/classifiers/keywords.ts"

const custom = (name: string, keywords = "", description = ""): Category => ({
  name,
  models: ["a/b"],
  keywords: keywords === "" ? [] : keywords.split(", "),
  description,
  builtin: false
})

const configOf = (...added: ReadonlyArray<Category>): RouterConfig => ({
  etag: "test",
  categories: new Map([...builtinCategories, ...added].map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
})

const embedded = Effect.runSync(Effect.provide(EmbeddedClassifier, EmbeddedClassifier.layer))

const matchOf = (...[name, keywords, description]: Parameters<typeof custom>) => {
  const match = embedded.matchOf(configOf(custom(name, keywords, description)), name)
  return match === undefined ? undefined : `${match.archetypes.join("+")} by ${match.by}`
}

const guessOf = (config: RouterConfig, text: string) =>
  embedded.classify(config, text, classifyByKeywords(config, text))

describe("the kind of request that a category serves", () => {
  it.each([
    ["creative", "", "", "fiction+writing by its name"],
    ["creatif", "", "", "fiction+writing by its name"],
    ["muse", "poem", "", "fiction by its keywords"],
    ["short_stories", "", "", "fiction by its name"],
    ["histoires", "", "", "fiction by its name"],
    ["poesie", "", "", "fiction by its name"],
    ["redaction", "", "", "writing by its name"],
    ["emails", "", "", "writing by its name"],
    ["traduction", "", "", "translation by its name"],
    ["traduire", "", "", "translation by its name"],
    ["legal-translation", "contract", "", "translation by its name"],
    ["resumes", "", "", "summarization by its name"],
    ["synthese", "", "", "summarization by its name"],
    ["tldr", "", "", "summarization by its name"],
    ["data-extraction", "", "", "extraction by its name"],
    ["classification", "", "", "extraction by its name"],
    ["math-homework", "", "", "math by its name"],
    ["mathematiques", "", "", "math by its name"],
    ["coding", "", "", "code by its name"],
    ["programmation", "", "", "code by its name"],
    ["faq", "", "", "knowledge by its name"],
    ["bavardage", "", "", "conversation by its name"],
    ["x1", "résumer, synthétiser, condenser", "", "summarization by its keywords"],
    ["x2", "Sonnet, haiku, rhyme", "", "fiction by its keywords"],
    ["x3", "", "Poèmes et récits", "fiction by its description"],
    ["x4", "", "Translating between human languages", "translation by its description"],
    ["x5", "tag, label, category", "Give each text a label", "extraction by its description"],
    ["x6", "", "Put a text into another language, for example from French to English", "translation by how it reads"],
    ["x7", "orthographe, grammaire", "Corrige les fautes d'un texte", "writing by how it reads"]
  ])("%s (%s) %s: %s", (name, keywords, description, match) => {
    expect(matchOf(name, keywords, description)).toBe(match)
  })

  it.each([
    ["legal", "contract, clause, lawsuit", "Questions about the law"],
    ["medical", "diagnosis, symptom", "Health questions"],
    ["cooking", "recipe, oven", "Recipes"],
    ["voyages", "vol, hôtel", "Préparer un voyage"],
    // Parts of what a built-in category is for: their keywords tell which.
    ["python", "python, pip", "Questions about Python"],
    ["devops", "docker, kubernetes", ""],
    ["code-translation", "port", "Port code between languages"],
    ["child-development", "", ""],
    ["constructor-like", "", ""]
  ])("is none for %s", (name, keywords, description) => {
    expect(matchOf(name, keywords, description)).toBeUndefined()
  })
})

describe("a category that serves a kind", () => {
  const creative = custom("creative", "", "Stories, poems, letters")
  const translation = custom("translation")

  it.each([
    ["Write a short tale about a dragon who is afraid of heights.", "creative", "fiction"],
    ["Écris un poème sur l'automne.", "creative", "fiction"],
    ["Rewrite this email so that it sounds more polite: send me the file now.", "creative", "writing"],
    ["Put this into Spanish: the train leaves at noon.", "translation", "translation"],
    ["Comment dit-on « le train est en retard » en anglais ?", "translation", "translation"],
    ["Write a Python function that merges two sorted lists.", "code", "code"]
  ])("gets it without a keyword: %s", (text, category, archetype) => {
    const guess = guessOf(configOf(creative, translation), text)
    expect(guess).toMatchObject({ category, archetype, decidedBy: "archetype" })
    expect(guess.candidates.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 1)
  })

  it("says what the kind was taken from", () => {
    expect(guessOf(configOf(creative), "Écris un poème sur l'automne.").reasons).toEqual([
      expect.stringMatching(/^it reads like fiction \(\d+ %\)$/),
      "creative serves fiction, writing: by its name"
    ])
  })

  it("yields a kind to a category that serves it alone", () => {
    const config = configOf(creative, custom("emails"))
    expect(guessOf(config, "Rewrite this email so that it sounds more polite: send it now.").category).toBe("emails")
    expect(guessOf(config, "Écris un poème sur l'automne.").category).toBe("creative")
  })

  const poems = custom("poetry", "poem, poème")
  const tales = custom("tales", "story, histoire")

  it("shares it with another by their keywords", () => {
    expect(guessOf(configOf(poems, tales), "Écris un poème sur l'automne.").category).toBe("poetry")
    expect(guessOf(configOf(poems, tales), "Invente une histoire de dragon.").category).toBe("tales")
    const { candidates, margin } = guessOf(configOf(poems, tales), "Write about a dragon who is afraid of heights.")
    expect(candidates.slice(0, 2).map(({ category }) => category)).toEqual(["poetry", "tales"])
    expect(margin).toBe(0)
  })

  it("is found anew when the category changes, and only then", () => {
    expect(guessOf(configOf(custom("x")), "Écris un poème sur l'automne.").category).toBe("conversation")
    expect(guessOf(configOf(custom("x", "poem")), "Écris un récit.").category).toBe("x")
  })

  it("is one of a thousand that share it", () => {
    const many = Array.from({ length: 1000 }, (_, at) => custom(`translation-${at}`, `language${at}`))
    const { candidates, category } = guessOf(configOf(...many), "Translate into language417: good evening")
    expect(category).toBe("translation-417")
    expect(candidates.length).toBeLessThan(archetypes.length)
  })
})

describe("scored keywords", () => {
  const config = configOf(
    custom("law", "contract, lawsuit, clause, court"),
    custom("cooking", "recipe, bake, simmer, court, sandwich"),
    custom("redac", "rédiger, rédigez, story, poème, movie")
  )
  const said = (text: string) => classifyByKeywords(config, text)?.category

  it.each([
    ["two recipes for bread", "cooking"],
    ["RECIPES of old", "cooking"],
    ["REDIGEZ un mot", "redac"],
    ["stories of old", "redac"],
    ["des poèmes", "redac"],
    ["funny movies", "redac"],
    ["three sandwiches", "cooking"],
    ["the contracted parties", undefined],
    ["it simmered for hours", undefined],
    ["il rédige", undefined],
    ["a contractor's van", undefined],
    ["the courtesy of it", undefined]
  ])("find plurals of a word, and no other word: %s", (text, category) => {
    const found = said(text)
    expect(found === "law" || found === "cooking" || found === "redac" ? found : undefined).toBe(category)
  })

  it.each([
    ["entrée", "quelle est la différence entre TCP et UDP"],
    ["training", "the train is late"],
    ["evening", "even so"],
    ["pensée", "je pense donc je suis"],
    ["marketing", "the market is open"],
    ["parking", "a park in town"],
    ["jeans", "Jean is late"],
    ["herring", "Herr Meyer"],
    ["lens", "len of a list"],
    ["windows", "the window is open"],
    ["new", "news of the day"],
    ["poems", "one poem"],
    ["status", "statu quo"],
    ["clas", "a class of them"]
  ])("are matched as they stand: %s is not in %s", (keyword, text) => {
    expect(classifyByKeywords(configOf(custom("own", keyword)), text)?.category).not.toBe("own")
    expect(classifyByKeywords(configOf(custom("own", keyword)), `so ${keyword.toUpperCase()}, then`)?.category).toBe(
      "own"
    )
  })

  it("count once for a word and its plural", () => {
    const one = classifyByKeywords(configOf(custom("own", "recipe")), "recipes, please")
    expect(one?.category).toBe("own")
    expect(classifyByKeywords(configOf(custom("own", "recipe, recipes")), "recipes, please")?.confidence).toBe(
      classifyByKeywords(configOf(custom("own", "recipes")), "recipes, please")?.confidence
    )
  })

  it("count for less where several categories list them", () => {
    expect(said("court or recipe")).toBe("cooking")
    expect(said("court, then a lawsuit")).toBe("law")
  })

  it("count for less in the middle of what is pasted", () => {
    const paste = "The lights of the harbour went out one by one. ".repeat(20)
    expect(said(`${paste} recipe ${paste} Is the clause valid?`)).toBe("law")
    expect(said(`${paste} clause ${paste} Is the recipe good?`)).toBe("cooking")
  })

  it("tell nothing where more than fifty categories list them", () => {
    const many = Array.from({ length: 51 }, (_, at) => custom(`c${at}`, `shared, own${at}`))
    expect(classifyByKeywords(configOf(...many), "shared zzz zzz zzz zzz zzz zzz")).toBeUndefined()
    expect(classifyByKeywords(configOf(...many), "shared own17")?.category).toBe("c17")
  })
})
