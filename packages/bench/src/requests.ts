/**
 * What clients ask in a run: an ordinary request, and one as an agent sends it.
 */
import { agentTools } from "./agentTools.ts"

/** The words decide the category, and with it the router's chain. */
export type Topic = "code" | "failing" | "missing"

/** Where the number goes that makes each request unlike all others. */
export const place = "########"

const system =
  "You are a careful assistant of a software team. Answer in short sentences, name files by their path, never invent an interface, and say so when something is unknown. "

const question =
  "Please summarise this change in three points, and then list its risks for streaming, retries and the accounting of tokens. "

/** The keywords of the categories that a router is given beside the built-in ones. */
export const topicKeywords: Readonly<Record<Topic, string>> = {
  code: "python function",
  failing: "zeppelin",
  missing: "quixote"
}

const words = (topic: Topic): string => `Write a ${topicKeywords[topic]} for ticket ${place}. ${question.repeat(3)}`

export interface RequestOptions {
  readonly model: string
  readonly topic: Topic
  readonly size: "ordinary" | "agent"
  readonly stream: boolean
  /** What the upstream is to do, such as `slow-50`. */
  readonly manner: string | undefined
}

/** 1.3 kB, or 60 kB with a long instruction, twelve tools and a conversation. */
export const bodyOf = ({ manner, model, size, stream, topic }: RequestOptions): string =>
  JSON.stringify({
    model,
    ...(manner === undefined ? {} : { user: manner }),
    messages:
      size === "ordinary"
        ? [
            { role: "system", content: system.repeat(4) },
            { role: "user", content: words(topic) }
          ]
        : [
            { role: "system", content: agentInstruction },
            { role: "user", content: "Look at the failing test first." },
            { role: "assistant", content: "The test expects the retry to stop after the first token; it does not." },
            { role: "user", content: words(topic) }
          ],
    temperature: 0.2,
    max_tokens: 256,
    ...(size === "agent" ? { tools: agentTools, tool_choice: "auto" } : {}),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {})
  })

const rule = (index: number): string =>
  `## Rule ${index}\n${system}Before "editing" a file, read it; after editing it, run its tests.\n\n\`\`\`ts\nconst answer = await fetch(url, { method: "POST" }) // \\ ${index}\n\`\`\`\n`

const agentInstruction = Array.from({ length: 150 }, (_, index) => rule(index + 1)).join("\n")
