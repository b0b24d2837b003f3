import { describe, expect, it, vi } from "vitest"
import { humanWords } from "../src/humanWords.ts"
import { captureNames, captures, requestOf } from "./requests.ts"

const hello = "Please say hello (scenario run)."
const openclaw = { harness: "openclaw", kind: "turn", retry: false, earlier: [] }

const expected: Readonly<Record<string, ReadonlyArray<object>>> = {
  "02-second-turn-same-session.json": [
    {
      ...openclaw,
      text: "Second question: write a python quicksort.",
      earlier: ["First question: what is 2+2?"],
      sessionId: "1bfe8b84-14d6-4d15-930e-f0b42a83dd74"
    }
  ],
  "03-webchat.json": [
    { ...openclaw, text: "Webchat question: explain TLS.", sessionId: "db51fe68-2a53-4c7e-81f3-063d6e97ba3b" }
  ],
  "04-gateway-http-api.json": [{ ...openclaw, text: "Via gateway http: hello" }],
  "05-infer-model-run-no-tools.json": [
    { ...openclaw, harness: undefined, text: "Reply with exactly: pong", sessionId: undefined }
  ],
  "07-tool-roundtrip.json": [
    { ...openclaw, text: hello },
    { ...openclaw, text: hello }
  ],
  "08-parallel-tools.json": [
    { ...openclaw, text: hello },
    { ...openclaw, text: hello }
  ],
  "09-retry-after-429.json": [
    { ...openclaw, text: hello },
    { ...openclaw, text: hello, retry: true }
  ],
  "10-retry-after-empty.json": [
    { ...openclaw, text: hello },
    { ...openclaw, text: hello, retry: true }
  ],
  "11-telegram-dm-reply-group.json": [
    { ...openclaw, text: "What is the capital of France?" },
    { ...openclaw, text: "And prove that sqrt(2) is irrational.", earlier: ["What is the capital of France?"] },
    { ...openclaw, text: "@claw_bot summarize this thread" }
  ],
  "12-thinking-high-compat.json": [{ ...openclaw, text: "Think hard: is 2^61-1 prime?" }],
  "13-image.json": [
    { ...openclaw, text: "What is in this picture?", sessionId: "8a5edf70-5582-4433-bd18-cf4b45038369" }
  ],
  "14-compaction.json": [{ ...openclaw, kind: "compaction", text: "" }],
  "15-heartbeat-system-event.json": [{ ...openclaw, kind: "heartbeat", text: "", earlier: ["After new: hello"] }],
  "20-opencode.json": [
    { harness: "opencode", kind: "title", text: "hello there", earlier: [], retry: false },
    { harness: "opencode", kind: "turn", text: "hello there", earlier: [], retry: false }
  ]
}

describe("real agents' requests", () => {
  it("all have an expectation", () => expect(captureNames).toEqual(Object.keys(expected)))

  it.each(captureNames)("%s", (name) => {
    expect(captures(name).map((capture) => humanWords(requestOf(capture)))).toMatchObject(expected[name] ?? [])
  })
})

const system = {
  role: "system",
  content: "<!-- openclaw:attempt:STABLE -->\nYou are a personal assistant running inside OpenClaw."
}
const words = (messages: ReadonlyArray<unknown>, userAgent = "") =>
  humanWords(requestOf({ headers: { "user-agent": userAgent }, body: { messages } }))
const inOpenClaw = (content: unknown) => words([system, { role: "user", content }]).text
const mark = "⟦openclaw:ctx⟧"
const info = `Conversation info: ${mark}\n\`\`\`json\n{"sender":{"name":"Ada"}}\n\`\`\`\n\n`

describe("OpenClaw's wrappers", () => {
  it.each([
    ["a reply", `${info}Current message:\n[Replying to: "earlier text"]\n#987: and now?`, "and now?"],
    ["a blank reply", `${info}Current message:\n[Replying to: "earlier text"]\n#987: " "`, ""],
    ["a quote of two lines", `${info}Current message:\n[Replying to: "one\ntwo"]\n#987: yes`, "yes"],
    [
      "a group's history",
      `${info}Reply target of current user message: ${mark}\n\`\`\`json\n{"body":"x"}\n\`\`\`\n\nChat history since last reply: ${mark}\n#5 Bob: hi all\n\nwrite python`,
      "write python"
    ],
    [
      "a history with blank lines",
      `Chat history since last reply: ${mark}\n#5 Bob: hi\n\nall\n\nCurrent message:\n#6: explain`,
      "explain"
    ],
    [
      "two media lines",
      "[Sun 2026-11-22 18:50 UTC] [media attached 1/2: a.png (image/png)]\n[media attached 2/2: b.png (image/png)]\nCompare",
      "Compare"
    ],
    [
      "context in the middle",
      "one <<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nx\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>> two",
      "one  two"
    ],
    [
      "its own timestamp only",
      "[Sun 2026-11-22 18:50 UTC] [Mon 2026-11-23 09:00 UTC] is what my log says",
      "[Mon 2026-11-23 09:00 UTC] is what my log says"
    ],
    ["a human's Current message", "Current message:\nplease translate", "Current message:\nplease translate"],
    [
      "a human's Runtime",
      "What does this mean?\n\nRuntime: agent=foo\nand so on",
      "What does this mean?\n\nRuntime: agent=foo\nand so on"
    ],
    [
      "an open context mark",
      "why <<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>> ?",
      "why <<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>> ?"
    ],
    [
      "an open json block",
      `Conversation info: ${mark}\n\`\`\`json\n{ oops`,
      `Conversation info: ${mark}\n\`\`\`json\n{ oops`
    ]
  ])("%s", (_, content, text) => expect(inOpenClaw(content)).toBe(text))

  it("skips aborted turns and tool results", () => {
    const found = words([
      system,
      { role: "user", content: "first" },
      { role: "user", content: "second" },
      { role: "assistant", content: null },
      { role: "tool", content: "tool says" },
      { role: "user", content: "<turn_aborted>\ncut\n</turn_aborted>" }
    ])
    expect(found).toMatchObject({ text: "second", earlier: ["first"], retry: true })
  })
})

describe("other clients", () => {
  it.each([
    ["a pasted timestamp", "[Sun 2026-11-22 18:50 UTC] disk full: why?"],
    ["words about wrappers", "Explain [Queued user message from a previous active turn]"],
    ["quoted words", `"hello there"`],
    ["a title request", "Generate a title for this conversation: cats"]
  ])("keep %s", (_, content) => {
    expect(words([{ role: "user", content }])).toMatchObject({ text: content, harness: undefined, kind: "turn" })
  })

  it("never read a system prompt", () => expect(words([{ role: "system", content: "code" }]).text).toBe(""))

  it("read an image alone as no words", () => {
    const image = { type: "image_url", image_url: { url: "data:," } }
    const found = words([
      { role: "user", content: "before" },
      { role: "user", content: [image] }
    ])
    expect(found).toMatchObject({ text: "", earlier: ["before"] })
  })

  it("give at most five earlier messages, newest first", () => {
    const found = words(["1", "2", "3", "4", "5", "6", "7"].map((content) => ({ role: "user", content })))
    expect(found).toMatchObject({ text: "7", earlier: ["6", "5", "4", "3", "2"] })
  })

  it("drop opencode's reminders", () => {
    const content = [
      { type: "text", text: "fix it" },
      { type: "text", text: "<system-reminder>\nplan\n</system-reminder>" }
    ]
    expect(words([{ role: "user", content }], "opencode/1.18.33").text).toBe("fix it")
  })
})

describe("bounds", () => {
  it("keeps the first and last 2,000 characters, and no half of a surrogate pair", () => {
    const found = words([{ role: "user", content: `${"a".repeat(1999)}🙂${"b".repeat(5000)}🙂${"c".repeat(1999)}` }])
    expect(found.text).toBe(`${"a".repeat(1999)}\n…\n${"c".repeat(1999)}`)
  })

  it("looks once through a message for what ends its context blocks", () => {
    const content = `${`Chat history: ${mark}\nhi all\n\n`.repeat(15)}write python`
    const indexOf = vi.spyOn(String.prototype, "indexOf")
    try {
      expect(inOpenClaw(content)).toBe("write python")
      expect(indexOf.mock.calls.filter(([sought]) => sought.includes("Current message:"))).toHaveLength(1)
    } finally {
      indexOf.mockRestore()
    }
  })

  it("takes no paragraph for OpenClaw's Runtime that is longer than any of its", () => {
    const runtime = "Runtime: agent=main | session=agent:main:main | sessionId=a1 | host="
    expect(words([system, { role: "user", content: `hi\n\n${runtime}h` }])).toMatchObject({
      text: "hi",
      sessionId: "a1"
    })
    const long = words([system, { role: "user", content: `hi\n\n${runtime}${"h".repeat(20_000)}` }])
    expect(long.sessionId).toBeUndefined()
    expect(long.text).toContain("Runtime: agent=main")
    const late = words([system, { role: "user", content: `${"x".repeat(20_000)}\n\n${runtime}h` }])
    expect(late.sessionId).toBe("a1")
    expect(late.text).not.toContain("Runtime:")
  })

  it.each([
    ["begin marks", "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"],
    ["closed contexts", "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>><<<END_OPENCLAW_INTERNAL_CONTEXT>>>"],
    ["media lines", "[media attached "],
    ["runtime paragraphs", "\n\nRuntime: agent=a | session=b"],
    ["context blocks", `Conversation info: ${mark}\n\`\`\`json\n{}\n\`\`\`\n`],
    ["quotes", `"`],
    ["spaces", " "]
  ])("reads 2 MB of %s", (_, unit) => {
    const content = unit.repeat(Math.ceil(2_000_000 / unit.length))
    expect(inOpenClaw(`x${content}`).length).toBeLessThanOrEqual(4003)
    expect(inOpenClaw(content).length).toBeLessThanOrEqual(4003)
    expect(words([{ role: "user", content }], "opencode/1").text.length).toBeLessThanOrEqual(4003)
  })
})
