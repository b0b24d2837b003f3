import type { Classification } from "@llm-router/domain/Decision"
import { describe, expect, it } from "vitest"
import { type Conversation, inContext, resumed, type Verdict } from "../src/conversation.ts"
import type { Leaning } from "../src/followUps.ts"

const verdict = (category: string, confidence: number, more: Partial<Classification> = {}): Verdict => ({
  source: "keywords",
  classification: { category, confidence, reasons: [`saw ${category}`], ...more }
})

const unsure: Verdict = { source: "default", classification: undefined }

type Said = readonly [Verdict, Leaning]

/** The turns of a conversation, one after the other. */
const converse = (turns: ReadonlyArray<Said>) => {
  let conversation: Conversation | undefined
  return turns.map(([own, leaning]) => {
    const turn = inContext(own, leaning, conversation)
    conversation = turn?.conversation ?? conversation
    return turn
  })
}

const categoriesOf = (turns: ReadonlyArray<Said>) => converse(turns).map((turn) => turn?.classification.category)

const code: Said = [verdict("code", 0.8), "standalone"]

const cases: ReadonlyArray<readonly [name: string, turns: ReadonlyArray<Said>, categories: ReadonlyArray<string>]> = [
  ["the first turn is what its words say", [code], ["code"]],
  [
    "a continuation inherits, whatever it looks like",
    [code, [verdict("creative", 0.9), "continuation"]],
    ["code", "code"]
  ],
  ["a follow-up inherits", [code, [verdict("reasoning", 0.7), "followUp"]], ["code", "code"]],
  ["nobody being sure, the conversation goes on", [code, [unsure, "standalone"]], ["code", "code"]],
  ["a clear win switches", [code, [verdict("creative", 0.7), "standalone"]], ["code", "creative"]],
  ["what wins by a little does not", [code, [verdict("creative", 0.3), "standalone"]], ["code", "code"]],
  [
    "unless it does so twice running",
    [code, [verdict("creative", 0.35), "standalone"], [verdict("creative", 0.4), "standalone"]],
    ["code", "code", "creative"]
  ],
  [
    "with nothing else between",
    [
      code,
      [verdict("creative", 0.35), "standalone"],
      [verdict("code", 0.8), "standalone"],
      [verdict("creative", 0.35), "standalone"]
    ],
    ["code", "code", "code", "code"]
  ],
  ["a new topic owes nothing", [code, [verdict("creative", 0.21), "newTopic"]], ["code", "creative"]],
  [
    "what follows a switch goes on with the new category",
    [code, [verdict("creative", 0.9), "standalone"], [unsure, "continuation"], [verdict("code", 0.5), "followUp"]],
    ["code", "creative", "creative", "creative"]
  ]
]

describe("a turn in its conversation", () => {
  it.each(cases)("%s", (_, turns, categories) => expect(categoriesOf(turns)).toEqual(categories))

  it.each([
    [[unsure, "continuation"], ["follow-up of a code conversation"]],
    [
      [verdict("reasoning", 0.7), "followUp"],
      ["follow-up of a code conversation, though its words look like reasoning"]
    ],
    [[verdict("creative", 0.3), "standalone"], ["the code conversation goes on: creative does not win clearly"]],
    [[unsure, "standalone"], ["nothing else was sure: the code conversation goes on"]],
    [
      [verdict("code", 0.7), "standalone"],
      ["saw code", "the code conversation goes on"]
    ],
    [
      [verdict("creative", 0.9), "standalone"],
      ["saw creative", "leaves the code conversation"]
    ]
  ] as const)("says why: %j", (turn, reasons) => {
    expect(converse([code, turn])[1]?.classification.reasons).toEqual(reasons)
  })

  it("keeps the evidence of a verdict that it agrees with", () => {
    const matches = [{ category: "code", keyword: "python", position: 3 }]
    const [, turn] = converse([code, [verdict("code", 0.7, { matches }), "standalone"]])
    expect(turn?.classification).toMatchObject({ confidence: 0.7, matches })
  })

  it("tells what was seen in the message that it goes on with as that message's", () => {
    const matches = [{ category: "code", keyword: "python", position: 3 }]
    expect(resumed(verdict("code", 0.99, { matches }))?.classification).toEqual({
      category: "code",
      confidence: 0.99,
      reasons: ["follow-up of a code conversation", "of the message it goes on with: saw code"]
    })
  })

  it("weighs candidates: one that is nearly as likely hardly leaves", () => {
    const candidates = [
      { category: "creative", probability: 0.52 },
      { category: "code", probability: 0.48 }
    ]
    expect(categoriesOf([code, [verdict("creative", 0.52, { candidates }), "standalone"]])).toEqual(["code", "code"])
  })

  it("knows nothing of a conversation that nobody was sure of", () => {
    expect(converse([[unsure, "continuation"]])).toEqual([undefined])
  })

  it("stays small and in bounds, however long it goes on", () => {
    const turns = Array.from({ length: 500 }, (_, index): Said => [
      verdict(`category-${index % 50}`, (index % 10) / 10),
      "followUp"
    ])
    const [last] = converse([...turns, [unsure, "followUp"]]).slice(-1)
    const shares = [...(last?.conversation.shares.values() ?? [])]
    expect(shares.length).toBeLessThanOrEqual(4)
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(1.0001)
    expect(last?.classification.confidence).toBeGreaterThanOrEqual(0)
    expect(last?.classification.confidence).toBeLessThanOrEqual(1)
  })
})
