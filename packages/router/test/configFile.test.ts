import { assert, describe, it } from "@effect/vitest"
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import { Result } from "effect"
import { configOf, configWith, emptyFile, parseConfigFile, serialize } from "../src/configFile.ts"

const defaultModel = "z-ai/glm-5"
const parse = (text: string) => parseConfigFile(text, defaultModel)
const parsed = (document: unknown) => Result.getOrThrow(parse(JSON.stringify(document)))
const faultOf = (text: string): string => Result.getOrThrow(Result.flip(parse(text)))
const faultOfDocument = (document: unknown): string => faultOf(JSON.stringify(document, null, 2))

const custom = { models: ["a/b"], keywords: ["Poem", " poem ", "verse"], description: "Poetry" }

describe("version 2", () => {
  it("takes what a built-in category lacks from its default", () => {
    const config = configOf(parsed({ version: 2, categories: { code: { models: ["a/b"] } } }))
    const code = config.categories.get("code")
    assert.deepStrictEqual(code?.models, ["a/b"])
    assert.include(code?.keywords ?? [], "python")
    assert.strictEqual(code?.builtin, true)
  })

  it("keeps built-in categories first, then the user's in their order", () => {
    const config = configOf(parsed({ version: 2, categories: { zebra: custom, code: {}, ant: custom } }))
    const names = [...builtinCategories.map((category) => category.name), "zebra", "ant"]
    assert.deepStrictEqual([...config.categories.keys()], names)
  })

  it("stores keywords trimmed and unique", () => {
    assert.deepStrictEqual(parsed({ version: 2, categories: { creative: custom } }).categories.get("creative"), {
      name: "creative",
      models: ["a/b"],
      keywords: ["Poem", "verse"],
      description: "Poetry",
      builtin: false
    })
  })

  it("survives the round trip, with only the differences in the file", () => {
    const document = {
      version: 2,
      categories: {
        code: { keywords: ["only"], examples: ["sort a list"] },
        creative: { models: ["a/b"], keywords: [], description: "" },
        support: {
          models: ["a/b"],
          keywords: [],
          description: "",
          examples: ["Where is my order?", "__proto__\n\u0000"]
        }
      },
      circuit_breaker: { failure_threshold: 5 },
      prices: { "a/b": { input: 0.15, output: 1_000_000 }, "c/d:free": { output: 0.000_001 } }
    }
    const file = parsed(document)
    const text = serialize(configOf(file), file.circuit)
    assert.strictEqual(text, `${JSON.stringify(document, null, 2)}\n`)
    assert.deepStrictEqual(Result.getOrThrow(parse(text)), file)
  })

  it("stores examples trimmed and unique, and none as no field", () => {
    const categories = {
      one: { ...custom, examples: [" Where is it? ", "Where is it?", "where is it?"] },
      none: { ...custom, examples: [] }
    }
    const file = parsed({ version: 2, categories })
    assert.deepStrictEqual(file.categories.get("one")?.examples, ["Where is it?", "where is it?"])
    assert.notProperty(file.categories.get("none"), "examples")
    const etagOf = (examples: ReadonlyArray<string>) =>
      configOf(parsed({ version: 2, categories: { one: { ...custom, examples } } })).etag
    assert.strictEqual(etagOf([]), configOf(parsed({ version: 2, categories: { one: custom } })).etag)
    assert.notStrictEqual(etagOf(["a"]), etagOf(["b"]))
  })

  it("writes no category when all are as built in", () => {
    assert.strictEqual(serialize(configOf(emptyFile)), '{\n  "version": 2,\n  "categories": {}\n}\n')
  })

  it("lets the environment win over the file, and the file over the defaults", () => {
    const file = parsed({ version: 2, circuit_breaker: { failure_threshold: 5, open_ms: 7 } })
    assert.deepStrictEqual(configOf(emptyFile).circuit, { failureThreshold: 3, openMillis: 300_000 })
    assert.deepStrictEqual(configOf(file, { openMillis: 9 }).circuit, { failureThreshold: 5, openMillis: 9 })
  })

  it("gives equal content an equal ETag, and other content another", () => {
    const config = configOf(emptyFile)
    assert.match(config.etag, /^"[\w-]{22}"$/)
    assert.strictEqual(configOf(parsed({ version: 2, categories: { code: {} } })).etag, config.etag)
    assert.notStrictEqual(configOf(emptyFile, { openMillis: 1 }).etag, config.etag)
    assert.notStrictEqual(configWith({ ...config, categories: new Map() }).etag, config.etag)
  })

  it("needs no categories", () => {
    assert.strictEqual(configOf(parsed({ version: 2 })).etag, configOf(emptyFile).etag)
  })
})

describe("what is refused, and the place it names", () => {
  const syntax: ReadonlyArray<readonly [string, string]> = [
    ["", "line 1, column 1: not valid JSON: Unexpected end of JSON input"],
    ['{"version": 2,}', "line 1, column 15: not valid JSON: Expected double-quoted property name"],
    ['{\n  "version": 2\n  "categories": {}\n}', "line 3, column 3: not valid JSON: Expected ',' or '}'"],
    ['{\n  "version": tru\n}', "line 2, column 17: not valid JSON: Unexpected token '\n'"],
    ['{\n  "version": x\n}', "line 2, column 14: not valid JSON: Unexpected token 'x'"],
    ['{"version": 2, "categories": {"a', "line 1, column 33: not valid JSON: Unterminated string"]
  ]
  it.each(syntax)("syntax: %j", (text, expected) => assert.include(faultOf(text), expected))

  const fields: ReadonlyArray<readonly [unknown, string]> = [
    [[], 'expected an object such as {"version": 2'],
    [{}, "version: missing"],
    [{ version: 3 }, "version: expected 2, the version that this program reads; got 3 (line 2)"],
    [
      { version: 2, categories: { creative: { models: ["x"] } } },
      'categories.creative.models[0]: expected a model id of the form provider/model, got "x" (line 5)'
    ],
    [{ version: 2, categories: { creative: { models: [] } } }, "categories.creative.models[0]: missing"],
    [{ version: 2, categories: { creative: {} } }, "categories.creative.models: missing: only a built-in"],
    [{ version: 2, categories: { code: { modles: ["a/b"] } } }, "categories.code.modles: unknown key (line 5)"],
    [{ version: 2, categories: [] }, "categories: expected an object"],
    [{ version: 2, catgeories: {} }, "catgeories: unknown key (line 3)"],
    [{ version: 2, categories: { code: { keywords: [" "] } } }, "categories.code.keywords[0]: expected a keyword"],
    [
      { version: 2, categories: { code: { examples: ["ok", " "] } } },
      "categories.code.examples[1]: expected an example"
    ],
    [{ version: 2, categories: { code: { examples: "ok" } } }, "categories.code.examples: expected array"],
    [
      { version: 2, categories: { code: { examples: Array.from({ length: 51 }, String) } } },
      "categories.code.examples: expected at most 50 examples"
    ],
    [{ version: 2, circuit_breaker: { open_ms: 0 } }, "circuit_breaker.open_ms: expected a value between 1 and"],
    [{ version: 2, circuit_breaker: { opn_ms: 1 } }, "circuit_breaker.opn_ms: unknown key"],
    [{ version: 2, categories: { "My Cat": custom } }, 'categories["My Cat"]: expected a category name'],
    [{ version: 2, categories: { router: custom } }, "categories.router: expected a category name"],
    [{ version: 2, categories: { constructor: custom } }, "categories.constructor: expected a category name"],
    [{ version: 2, categories: { a: { models: ["x"] }, b: { models: 1 } } }, "; categories.b.models: expected array"]
  ]
  it.each(fields)("field: %j", (document, expected) => assert.include(faultOfDocument(document), expected))

  it("more examples than all categories may hold together", () => {
    const examples = Array.from({ length: 50 }, (_, at) => `${at}`.padEnd(2000, "."))
    const categories = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`c${at}`, { ...custom, examples }]))
    assert.include(
      faultOfDocument({ version: 2, categories }),
      "categories.c10.examples: expected at most 1000000 characters of examples in all categories together"
    )
  })

  const named = <A>(count: number, value: A) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`c${at}`, value] as const))

  it("more than 2,000 categories beside the built-in ones", () => {
    const models = ["a/b"]
    const { categories } = parsed({ version: 2, categories: { ...named(2000, { models }), code: { models } } })
    assert.strictEqual(categories.size, 2000 + builtinCategories.length)
    assert.strictEqual(
      faultOfDocument({ version: 2, categories: named(2001, { models }) }),
      "categories: expected at most 2000 categories beside the built-in ones (line 3)"
    )
  })

  it.each(["version", "categories", "model_mappings"])("nesting without end, in %s", (name) => {
    assert.strictEqual(
      faultOf(`{"${name}": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
      "expected at most 64 levels of objects and lists in one another"
    )
  })

  it("a fault in each of many categories, of which the first five are told", () => {
    const fault = faultOfDocument({ version: 2, categories: named(2000, { models: ["x"] }) })
    assert.match(fault, /^(categories\.c\d+\.models\[0\]: [^;]+; ){5}and 1995 more$/)
  })

  it.each([
    ['{"version":2,"categories":{"__proto__":{"models":["a/b"]}}}', "categories.__proto__: expected a category name"],
    ['{"version":2,"__proto__":{}}', "__proto__: unknown key"],
    ['{"version":2,"categories":{"code":{"__proto__":{}}}}', "categories.code.__proto__: unknown key"]
  ])("prototype: %s", (text, expected) => assert.include(faultOf(text), expected))
})

describe("a name that stands twice in one object", () => {
  const legal = '"legal": { "models": ["a/b"] }'
  const rows: ReadonlyArray<readonly [string, string]> = [
    [
      `{"version": 2, "categories": {\n${legal},\n${legal}\n}}`,
      "categories.legal: expected once, stands there again (line 3)"
    ],
    ['{"version": 2,\n"prices": {},\n\n"prices": {}}', "prices: expected once, stands there again (line 4)"],
    ['{"version": 2, "version": 2}', "version: expected once, stands there again (line 1)"],
    [
      '{"version": 2, "categories": {"code": {"models": ["a/b"], "mod\\u0065ls": ["c/d"]}}}',
      "categories.code.models: expected once"
    ],
    ['{"version": 2, "prices": {"a/b": {"input": 1,\n"input": 2}}}', 'prices["a/b"].input: expected once'],
    ['{"version": 2, "categories": {"__proto__": {}, "__proto__": {}}}', "categories.__proto__: expected once"],
    // Each in the last place, where the other one is not.
    [
      `{"version": 2, "categories": {\n${legal}, ${legal}},\n"categories": {}}`,
      "categories.legal: expected once, stands there again (line 2)"
    ]
  ]
  it.each(rows)("is refused: %s", (text, expected) => assert.include(faultOf(text), expected))

  it("is told five times at most", () => {
    const twelve = Array.from({ length: 12 }, () => legal).join()
    assert.match(faultOf(`{"version": 2, "categories": {${twelve}}}`), /^(categories\.legal: [^;]+; ){5}and 6 more$/)
  })

  it("in two objects is none", () => {
    const categories = { one: custom, two: custom }
    assert.doesNotThrow(() => parsed({ version: 2, categories }))
  })

  it("in a first version's file is told: the last one counted there too", () => {
    const file = Result.getOrThrow(parse('{"model_mappings": {"code": ["a/b"],\n"code": ["c/d"]}}'))
    assert.deepStrictEqual(file.categories.get("code")?.models, ["c/d"])
    assert.deepStrictEqual(file.notes, ["model_mappings.code: stands there again, and the last one counts (line 2)"])
  })
})

describe("the first version's file", () => {
  const firstVersion = (document: object) => parsed({ model_mappings: {}, ...document })
  const conversation =
    "hello, hi, hey, thanks, thank you, please, sorry, yes, no, ok, okay, sure, what, who, when, where, weather, news, " +
    "info, help"
  const untouched = conversation.split(", ")

  it("takes chains, for an empty one the default model, and each model once", () => {
    const file = firstVersion({ model_mappings: { code: ["a/b", "a/b", "c/d"], tools: [], mine: [] } })
    assert.strictEqual(file.version, 1)
    assert.deepStrictEqual(file.categories.get("code")?.models, ["a/b", "c/d"])
    assert.deepStrictEqual(file.categories.get("tools")?.models, [defaultModel])
    assert.deepStrictEqual(file.categories.get("mine")?.models, [defaultModel])
    assert.strictEqual(file.categories.get("mine")?.builtin, false)
  })

  it("stores no keywords where the list is the first version's own", () => {
    const file = firstVersion({ keywords: { conversation: untouched, tools: [] } })
    assert.strictEqual(serialize(configOf(file)), serialize(configOf(emptyFile)))
  })

  it("keeps a list that the user changed, trimmed and unique", () => {
    const file = firstVersion({ keywords: { conversation: [...untouched, "howdy"], code: ["def ", "import ", "def"] } })
    assert.deepStrictEqual(file.categories.get("conversation")?.keywords, [...untouched, "howdy"])
    assert.deepStrictEqual(file.categories.get("code")?.keywords, ["def", "import"])
  })

  it("takes custom categories: the mapping's chain, else their own", () => {
    const custom_categories = {
      poetry: { description: "Poems", models: ["a/b"], keywords: ["poem"] },
      law: { description: null, models: ["c/d"] }
    }
    const file = firstVersion({ model_mappings: { poetry: ["e/f"] }, custom_categories })
    const poetry: Category = {
      name: "poetry",
      models: ["e/f"],
      keywords: ["poem"],
      description: "Poems",
      builtin: false
    }
    const law: Category = { name: "law", models: ["c/d"], keywords: [], description: "", builtin: false }
    assert.deepStrictEqual([...file.categories.values()].slice(builtinCategories.length), [poetry, law])
  })

  it("gives categories names that are allowed, none twice, and says so", () => {
    const chain = ["a/b"]
    const { categories, notes } = firstVersion({
      model_mappings: { "My Cat": chain, "my-cat": chain, Code: chain, Écriture: chain, "!": chain, default: chain }
    })
    assert.deepStrictEqual([...categories.keys()].slice(builtinCategories.length), [
      "my-cat-2",
      "my-cat",
      "code-2",
      "ecriture",
      "category",
      "default-2"
    ])
    assert.include(notes.join(), 'the category "My Cat" is called my-cat-2 now')
  })

  it("takes models out of what was listed: trimmed, those that are ids, the first 16", () => {
    const many = Array.from({ length: 20 }, (_, at) => `a/m${at}`)
    const { categories, notes } = firstVersion({
      model_mappings: {
        code: [" a/b ", "gpt-4o", "a/b", "c/d"],
        tools: ["gpt-4o", " "],
        "My Cat": [...many.slice(0, 2), ...many]
      },
      custom_categories: { law: { models: ["gpt"] } }
    })
    assert.deepStrictEqual(categories.get("code")?.models, ["a/b", "c/d"])
    assert.deepStrictEqual(categories.get("tools")?.models, [defaultModel])
    assert.deepStrictEqual(categories.get("law")?.models, [defaultModel])
    assert.deepStrictEqual([...(categories.get("my-cat")?.models ?? [])], many.slice(0, 16))
    const rule = "no model id of the form provider/model"
    assert.deepStrictEqual(notes, [
      `custom_categories.law.models: left out what is ${rule}: [0] "gpt"; DEFAULT_MODEL serves the category`,
      'model_mappings.code: took away the spaces around [0] " a/b "',
      `model_mappings.code: left out what is ${rule}: [1] "gpt-4o"`,
      `model_mappings.tools: left out what is ${rule}: [0] "gpt-4o", [1] " "; DEFAULT_MODEL serves the category`,
      'model_mappings["My Cat"]: kept the first 16 models; left out [18] "a/m16", [19] "a/m17", [20] "a/m18", ' +
        '[21] "a/m19"',
      'the category "My Cat" is called my-cat now'
    ])
  })

  it("joins the two lists of a category's keywords, each once, before it counts them", () => {
    const words = Array.from({ length: 150 }, (_, at) => `word${at}`)
    const file = firstVersion({ keywords: { law: words }, custom_categories: { law: { keywords: words } } })
    assert.deepStrictEqual(file.categories.get("law")?.keywords, words)
    assert.deepStrictEqual(file.notes, [])
  })

  it("keeps the first 500 keywords, and of what is too long its beginning", () => {
    const words = Array.from({ length: 503 }, (_, at) => `word${at}`)
    const description = `${"d".repeat(1999)}\u{1f600}`
    const { categories, notes } = firstVersion({
      keywords: { law: [...words, "WORD0"], poetry: [`${"k".repeat(100)}-1`, `${"k".repeat(100)}-2`, "verse"] },
      custom_categories: { law: { description, keywords: words.slice(0, 9) } }
    })
    assert.deepStrictEqual(categories.get("law")?.keywords, words.slice(0, 500))
    // Not half of the last character.
    assert.strictEqual(categories.get("law")?.description, "d".repeat(1999))
    assert.deepStrictEqual(categories.get("poetry")?.keywords, ["k".repeat(100), "verse"])
    assert.deepStrictEqual(notes, [
      'keywords.law: kept the first 500 keywords; left out [500] "word500", [501] "word501", [502] "word502"',
      "custom_categories.law.description: kept the first 2000 characters",
      `keywords.poetry: kept the first 100 characters of [0] "${"k".repeat(40)}...", [1] "${"k".repeat(40)}..."`
    ])
  })

  it("tells no more than five of a list", () => {
    const { notes } = firstVersion({ model_mappings: { code: ["1", "2", "3", "4", "5", "6", "7", "a/b"] } })
    assert.match(notes.join(), /\[4\] "5", and 2 more$/)
  })

  it("has no category that is a prototype", () => {
    const { categories } = Result.getOrThrow(parse('{"keywords":{"__proto__":["a"]}}'))
    assert.deepStrictEqual([...categories.keys()].slice(builtinCategories.length), ["proto__"])
  })

  it("notes the keys that mean nothing here", () => {
    assert.match(firstVersion({ theme: "dark" }).notes.join(), /"theme" of the first version's file/)
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`k${at}`, 1]))
    assert.strictEqual(firstVersion(many).notes.length, 6)
  })

  it.each([
    [{ model_mappings: { code: "a/b" } }, "model_mappings.code: expected array"],
    [{ model_mappings: { code: ["a/b", 7] } }, "model_mappings.code[1]: expected string, got 7 (line 3)"],
    [{ custom_categories: { law: { models: "gpt" } } }, "custom_categories.law.models: expected array"],
    [
      { custom_categories: { "My Law": { keywords: [[]] } } },
      'custom_categories["My Law"].keywords[0]: expected string'
    ],
    [{ keywords: [] }, "keywords: expected an object"]
  ])("refuses %j", (document, expected) => {
    const fault = faultOfDocument(document)
    assert.include(fault, expected)
    assert.match(fault, /\(line \d+\)/)
    assert.include(fault, "the first version's file cannot be carried over")
  })

  it("refuses more than 2,000 categories, by the section that has most", () => {
    const keywords = Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`c${at}`, []]))
    assert.include(
      faultOfDocument({ model_mappings: { code: ["a/b"] }, keywords }),
      "keywords: expected at most 2000 categories beside the built-in ones (line 7)"
    )
  })
})
