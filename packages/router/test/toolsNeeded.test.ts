import { describe, expect, it } from "vitest"
import { toolsNeeded } from "../src/toolsNeeded.ts"
import { captures, requestOf } from "./requests.ts"

const offered = (name: string, index: number) => {
  const capture = captures(name)[index]
  return capture === undefined ? [] : requestOf(capture).tools
}
const openclaw = offered("12-thinking-high-compat.json", 0)
const opencode = offered("20-opencode.json", 1)
const tool = (name: string, description = "") => ({ type: "function", function: { name, description } })

describe("an agent's tools", () => {
  it.each([
    "run the tests",
    "list the files",
    "search the web for effect 4",
    "remind me to call mum tomorrow",
    "send a message to Bob",
    "open src/index.ts and fix it",
    "read README.md",
    "commit and push",
    "commit my changes",
    "what's in ~/notes?",
    "Summarise https://example.com/a",
    "check my email",
    "delete my downloads",
    "lance les tests",
    "liste les fichiers",
    "cherche sur internet les horaires",
    "rappelle-moi de payer demain",
    "envoie un message à Paul",
    "ouvre le fichier notes.txt"
  ])("needed: %s", (words) => {
    expect(toolsNeeded(words, openclaw)).toMatchObject({ category: "tools" })
    expect(toolsNeeded(words, opencode)?.confidence).toBeGreaterThan(0.5)
    expect(toolsNeeded(words, [])).toBeUndefined()
  })

  it.each([
    "Second question: write a python quicksort.",
    "Webchat question: explain TLS.",
    "What is in this picture?",
    "summarize this thread",
    "@claw_bot summarize this thread",
    "Please say hello (scenario run).",
    "Think hard: is 2^61-1 prime?",
    "What is the capital of France?",
    "hello there",
    "What does git push do?",
    "how do I run the tests in jest?",
    "how do I read a file in python?",
    "write a function that lists the files",
    "send my love to her",
    "and/or what about it",
    "what's the weather in Paris?",
    "comment lancer les tests ?",
    ""
  ])("not needed: %s", (words) => {
    expect(toolsNeeded(words, openclaw)).toBeUndefined()
    expect(toolsNeeded(words, opencode)).toBeUndefined()
  })
})

describe("tools of a topic", () => {
  it.each([
    ["what's the weather in Paris?", tool("get_weather")],
    ["quel temps fait-il ?", tool("meteo")],
    ["Find the nearest parking lot in New York", tool("parking_lot.find_nearest", "Locate the nearest parking lot")],
    [
      "Calculate the compound interest of $100",
      { name: "calculate_compound_interest", description: "Calculates compound interest" }
    ]
  ])("needed: %s", (words, needed) => expect(toolsNeeded(words, [needed])).toMatchObject({ category: "tools" }))

  it.each([
    ["Tell me a famous quote about life.", tool("sentiment_analysis", "Perform sentiment analysis on a text")],
    ["Please read and write well", tool("read_write_call_process", "read write call process")],
    ["what's the weather in Paris?", "not a tool"],
    ["what's the weather in Paris?", null]
  ])("not needed: %s", (words, other) => expect(toolsNeeded(words, [other])).toBeUndefined())
})

it.each(["run the ", "/a", "send a ", "https://", "search ", "find x ", "a.", "C:\\a"])("reads 2 MB of %j", (unit) => {
  const words = unit.repeat(Math.ceil(2_000_000 / unit.length))
  expect(toolsNeeded(words, [tool(words, words)])?.confidence ?? 0).toBeLessThan(1)
})
