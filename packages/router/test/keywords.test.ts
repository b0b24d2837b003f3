import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { describe, expect, it } from "vitest"
import { classifyByKeywords } from "../src/classifiers/keywords.ts"

const custom = (name: string, ...keywords: ReadonlyArray<string>): Category => ({
  name,
  keywords,
  models: ["a/b"],
  description: "",
  builtin: false
})
const configOf = (categories: ReadonlyArray<Category>): RouterConfig => ({
  etag: "test",
  circuit: { failureThreshold: 3, openMillis: 1 },
  prices: new Map(),
  categories: new Map(categories.map((category) => [category.name, category]))
})
const shipped = configOf(builtinCategories)
const categoryOf = (text: string, ...added: ReadonlyArray<Category>) =>
  classifyByKeywords(added.length === 0 ? shipped : configOf([...builtinCategories, ...added]), text)?.category

describe("built-in categories", () => {
  it.each([
    ["écris une fonction python", "code"],
    ["def fibonacci(n):", "code"],
    ["import pandas", "code"],
    ["function hello()", "code"],
    ["const x =", "code"],
    ["write a python quicksort", "code"],
    ["Second question: write a python quicksort.", "code"],
    ["please fix this bug", "code"],
    ["thank you, the python code works", "code"],
    ["SELECT name FROM users", "code"],
    ["```\nx\n```", "code"],
    ["what is wrong in foo.py", "code"],
    ["TypeError: x is not iterable", "code"],
    ["Traceback (most recent call last)", "code"],
    ["is c++ faster", "code"],
    ["pourquoi le ciel est bleu", "reasoning"],
    ["explique comment", "reasoning"],
    ["analyse ce problème", "reasoning"],
    ["ANALYSE CE PROBLEME", "reasoning"],
    ["Webchat question: explain TLS.", "reasoning"],
    ["Think hard: is 2^61-1 prime?", "reasoning"],
    ["And prove that sqrt(2) is irrational.", "reasoning"],
    ["what if we all die", "reasoning"],
    ["which class should I take at school", "reasoning"],
    ["What is the capital of France?", "reasoning"],
    ["bonjour", "conversation"],
    ["merci", "conversation"],
    ["ok", "conversation"],
    ["good morning", "conversation"],
    ["this is nice", "conversation"],
    ["how are you", "conversation"],
    ["comment ça va ?", "conversation"],
    ["Please say hello (scenario run).", "conversation"],
    ["Via gateway http: hello", "conversation"],
    ["Reply with exactly: pong", "conversation"],
    ["the bank branch is closed", "conversation"],
    ["import cars from Germany", "conversation"],
    ["🙂", "conversation"],
    ["et en français, le lundi suivant ?", undefined],
    ["?!", undefined],
    ["", undefined]
  ])("%s", (text, category) => expect(categoryOf(text)).toBe(category))

  it("does not find hi in this, nor go in good", () => {
    expect(classifyByKeywords(shipped, "this is nice")?.reasons).toEqual([`keyword "nice"`])
    expect(classifyByKeywords(shipped, "good morning")?.reasons).toEqual([`keyword "good morning"`])
  })

  it("says what it found, where, and how sure it is", () => {
    expect(classifyByKeywords(shipped, "Écris du Python")).toMatchObject({
      category: "code",
      reasons: [`keyword "python"`],
      matches: [{ category: "code", keyword: "python", position: 9 }],
      candidates: [{ category: "code", probability: 1 }]
    })
    expect(classifyByKeywords(shipped, "a walk")).toMatchObject({
      category: "conversation",
      reasons: ["short message"]
    })
  })

  it("is surer of much evidence than of little", () => {
    const little = classifyByKeywords(shipped, "python")?.confidence ?? 1
    const much = classifyByKeywords(shipped, "def sort(xs): in python, with a unit test")?.confidence ?? 0
    expect(much).toBeGreaterThan(little)
    expect(much).toBeLessThan(1)
  })

  it("has no category tools by words, and no small talk where the category is gone", () => {
    const tools: Category = { name: "tools", models: ["a/b"], keywords: ["weather"], description: "", builtin: true }
    expect(classifyByKeywords(configOf([tools]), "weather")).toBeUndefined()
    expect(classifyByKeywords(configOf([tools]), "a walk")).toBeUndefined()
  })
})

describe("custom categories", () => {
  const poetry = custom("poetry", "poem", "love poem", "haïku")
  it.each([
    ["outrank the built-in ones", "write a python poem", [poetry], "poetry"],
    ["find plurals", "some poems", [poetry], "poetry"],
    ["find no singulars", "one poem", [custom("verse", "poems")], "conversation"],
    ["find words without accents", "un HAIKU", [poetry], "poetry"],
    ["find decomposed accents", "un hai\u0308ku", [poetry], "poetry"],
    ["find no parts of words", "a poematic day", [poetry], "conversation"],
    ["win with more matches", "a love poem", [custom("love", "love"), poetry], "poetry"],
    ["win with the longer match", "a law suit", [custom("aa", "law"), custom("bb", "law suit")], "bb"],
    ["tie by position", "betas then alpha", [custom("aa", "alpha"), custom("bb", "betas")], "bb"],
    ["tie by name", "shared", [custom("bb", "shared"), custom("aa", "shared")], "aa"],
    ["find c++", "my c++ homework", [custom("cpp", "c++"), custom("cc", "c")], "cpp"],
    ["find c#", "my c# homework", [custom("sharp", "c#"), custom("cc", "c")], "sharp"],
    ["find node.js", "deploy node.js.", [custom("js", "node.js")], "js"],
    ["find .net", "on .net", [custom("dotnet", ".net")], "dotnet"],
    ["find hyphens as spaces", "the trade off is", [custom("econ", "trade-off")], "econ"],
    ["find no phrase over a sentence", "It was good. Day trips?", [custom("greet", "good day")], undefined],
    ["find phrases with full stops", "near St. Gallen", [custom("swiss", "st. gallen")], "swiss"],
    ["find curly apostrophes", "d’accord chef", [custom("agree", "d'accord chef")], "agree"],
    ["find Chinese", "请翻译这句话", [custom("translate", "翻译")], "translate"],
    ["find Thai", "ช่วยแปลภาษาหน่อย", [custom("translate", "แปลภาษา")], "translate"],
    ["find Latin words in Chinese", "用sketchup画图", [custom("cad", "sketchup")], "cad"],
    ["find signs", "I want 🍕 now", [custom("food", "🍕")], "food"],
    ["are safe with odd words", "constructor __proto__", [custom("odd", "__proto__")], "odd"]
  ])("%s", (_, text, added, category) => expect(categoryOf(text, ...added)).toBe(category))

  it("answer the same whatever the order", () => {
    const added = [custom("aa", "x1", "x2"), custom("bb", "x2", "x1"), custom("cc", "x3")]
    expect(categoryOf("x1 x2 x3", ...added)).toBe(categoryOf("x1 x2 x3", ...added.toReversed()))
  })

  it("may be a thousand with fifty keywords each", () => {
    const many = Array.from({ length: 1000 }, (_, c) =>
      custom(`c${c}`, ...Array.from({ length: 50 }, (__, k) => `how word${c}x${k}`))
    )
    expect(categoryOf(`${"how ".repeat(500)}word999x49`, ...many)).toBe("c999")
  })
})

describe("bounds", () => {
  it.each([
    "how ",
    "function ",
    "SELECT ",
    "a_",
    "c++",
    "const x",
    "\n  at ",
    "import ",
    "é",
    "<div ",
    "a.b(",
    "```",
    " ",
    "翻",
    "1 "
  ])("reads 2 MB of %j", (unit) => {
    const text = unit.repeat(Math.ceil(2_000_000 / unit.length))
    expect(classifyByKeywords(shipped, text)?.confidence ?? 0).toBeLessThan(1)
  })
})
