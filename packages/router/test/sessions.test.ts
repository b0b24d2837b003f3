import { describe, expect, it } from "vitest"
import type { Conversation } from "../src/conversation.ts"
import { humanWords } from "../src/humanWords.ts"
import { conversationKeys, ConversationMemory } from "../src/sessions.ts"
import { requestOf } from "./requests.ts"

const minutes = 60_000

const keysOf = (body: object, headers: Readonly<Record<string, string>> = {}, keyId = "first") => {
  const read = requestOf({ headers, body: { model: "router", ...body } })
  const request = { ...read, client: { ...read.client, keyId } }
  return conversationKeys(request, humanWords(request))
}

const said = (...texts: ReadonlyArray<string>) => ({
  messages: texts.flatMap((content, index) => [
    ...(index === 0 ? [] : [{ role: "assistant", content: "Fine." }]),
    { role: "user", content }
  ])
})

const about = (category: string): Conversation => ({
  category,
  source: "keywords",
  shares: new Map([[category, 0.8]]),
  challenger: undefined
})

const turnAbout = (category: string) => ({
  before: undefined,
  after: about(category),
  decided: { category, source: "keywords" as const, confidence: 0.8 }
})

describe("a conversation is recalled", () => {
  const named = { "x-session-id": "ses_1" }
  const openclaw = (session: string, text: string) =>
    said(
      `[Sun 2026-11-22 18:50 UTC] ${text}\n\nRuntime: agent=main | session=agent:main:main | sessionId=${session} | host=h`
    )

  it.each([
    ["by its messages", keysOf(said("one")), keysOf(said("one", "two"))],
    ["by x-session-id, without messages", keysOf(said("one"), named), keysOf(said("two"), named)],
    ["by session_id", keysOf({ ...said("one"), session_id: "s" }), keysOf({ ...said("two"), session_id: "s" })],
    [
      "by its messages, whatever else has its prompt_cache_key",
      keysOf({ ...said("1"), prompt_cache_key: "k" }),
      keysOf({ ...said("1", "2"), prompt_cache_key: "k" })
    ],
    ["by OpenClaw's Runtime line", keysOf(openclaw("a1", "one")), keysOf(openclaw("a1", "two"))],
    ["by its user, without messages", keysOf({ ...said("one"), user: "ada" }), keysOf({ ...said("two"), user: "ada" })]
  ])("%s", (_, first, second) => {
    const memory = new ConversationMemory()
    memory.remember(first, turnAbout("code"), 0)
    expect(memory.recall(second, 1)).toMatchObject({ conversation: { category: "code" }, decided: undefined })
  })

  it.each([
    [
      "a stranger's that began with the same words",
      keysOf(said("hello")),
      keysOf(said("hello", "who are you?", "two"))
    ],
    [
      "another's that has the same prompt_cache_key",
      keysOf({ ...said("write a python function"), prompt_cache_key: "app" }),
      keysOf({ ...said("hi"), prompt_cache_key: "app" })
    ],
    [
      "a stranger's that began with the same words and has the same prompt_cache_key",
      keysOf({ ...said("hello"), prompt_cache_key: "app" }),
      keysOf({ ...said("hello", "who are you?", "two"), prompt_cache_key: "app" })
    ],
    [
      "one whose prompt_cache_key is the name of that session",
      keysOf(said("one"), named),
      keysOf({ ...said("one"), prompt_cache_key: "ses_1" })
    ],
    ["another session's", keysOf(said("one"), named), keysOf(said("two"), { "x-session-id": "ses_2" })],
    ["another OpenClaw session's", keysOf(openclaw("a1", "one")), keysOf(openclaw("b2", "two"))],
    ["another user's", keysOf({ ...said("one"), user: "ada" }), keysOf({ ...said("two"), user: "bob" })],
    ["another client key's session of that name", keysOf(said("one"), named), keysOf(said("two"), named, "second")],
    [
      "another client key's user of that name",
      keysOf({ ...said("one"), user: "ada" }),
      keysOf({ ...said("two"), user: "ada" }, {}, "second")
    ],
    ["nobody's", keysOf(said("one")), keysOf(said("two"))]
  ])("but not %s", (_, first, second) => {
    const memory = new ConversationMemory()
    memory.remember(first, turnAbout("code"), 0)
    expect(memory.recall(second, 1)).toBeUndefined()
  })

  it("beside another that has the same prompt_cache_key", () => {
    const memory = new ConversationMemory()
    const keyed = (...texts: ReadonlyArray<string>) => keysOf({ ...said(...texts), prompt_cache_key: "app" })
    memory.remember(keyed("sort a list"), turnAbout("code"), 0)
    memory.remember(keyed("tell me a joke"), turnAbout("conversation"), 1)
    expect(memory.recall(keyed("sort a list"), 2)).toMatchObject({ decided: { category: "code" } })
    expect(memory.recall(keyed("sort a list", "and now?"), 2)).toMatchObject({ conversation: { category: "code" } })
    expect(memory.recall(keyed("tell me a joke"), 2)).toMatchObject({ decided: { category: "conversation" } })
  })

  it("says when only the user is the same", () => {
    const memory = new ConversationMemory()
    memory.remember(keysOf({ ...said("one"), user: "ada" }), turnAbout("code"), 0)
    expect(memory.recall(keysOf({ ...said("two"), user: "ada" }), 1)?.byUser).toBe(true)
    expect(memory.recall(keysOf({ ...said("one", "two"), user: "ada" }), 1)?.byUser).toBe(false)
  })

  it("at the same turn with what was decided for it, and as it was before it", () => {
    const memory = new ConversationMemory()
    const turn = { ...turnAbout("code"), before: about("reasoning") }
    memory.remember(keysOf(said("one", "two")), turn, 0)
    expect(memory.recall(keysOf(said("one", "two")), 1)).toMatchObject({
      conversation: { category: "reasoning" },
      decided: { category: "code", confidence: 0.8 },
      after: { category: "code" }
    })
  })

  it("in a tool loop from which the human's words were dropped", () => {
    const memory = new ConversationMemory()
    memory.remember(keysOf(said("one"), named), turnAbout("code"), 0)
    const loop = {
      messages: [
        { role: "assistant", content: null },
        { role: "tool", content: "done" }
      ]
    }
    expect(memory.recall(keysOf(loop, named), 1)).toMatchObject({ decided: { category: "code" } })
  })
})

describe("the memory of conversations", () => {
  const nth = (index: number) => keysOf(said("one"), { "x-session-id": `ses_${index}` })

  it("forgets after 30 minutes without a turn", () => {
    const memory = new ConversationMemory()
    memory.remember(nth(1), turnAbout("code"), 0)
    expect(memory.recall(nth(1), 30 * minutes)).toBeDefined()
    expect(memory.recall(nth(1), 30 * minutes + 1)).toBeUndefined()
    memory.remember(nth(1), turnAbout("code"), 29 * minutes)
    expect(memory.recall(nth(1), 59 * minutes)).toBeDefined()
  })

  it("holds 10,000 entries, those of the latest turns", () => {
    const memory = new ConversationMemory()
    for (let index = 0; index < 10_000; index++) memory.remember(nth(index), turnAbout("code"), index)
    memory.remember(nth(0), turnAbout("code"), 10_000)
    memory.remember(nth(10_000), turnAbout("code"), 10_001)
    expect(memory.size).toBe(10_000)
    expect(memory.recall(nth(1), 10_002)).toBeUndefined()
    for (const index of [0, 2, 10_000]) expect(memory.recall(nth(index), 10_002)).toBeDefined()
  })

  it("lets go of what has expired", () => {
    const memory = new ConversationMemory()
    for (let index = 0; index < 100; index++) memory.remember(nth(index), turnAbout("code"), index)
    memory.remember(nth(100), turnAbout("code"), 31 * minutes)
    expect(memory.size).toBe(1)
  })
})
