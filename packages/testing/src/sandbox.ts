/**
 * The upstream of the sandbox: simulated models, so that the router can be tried without a key, a network or a bill.
 */
import { Effect, type Scope } from "effect"
import type { ChatAsk } from "./ask.ts"
import { catalogue } from "./catalogue.ts"
import { firstCategoryOf } from "./firstCategory.ts"
import type { ListenError } from "./listen.ts"
import { openRouterServer } from "./openRouterServer.ts"
import { type Behaviour, cut, ok, slow, status } from "./script.ts"

const chunkDelayMillis = 15
const slowModelMillis = 3_000
/** How much of the user's words an answer quotes. */
const quotedLength = 80

/** Serves until the scope closes. `url` is the base URL, to be used as `OPENROUTER_BASE_URL`. */
export const startSandbox: Effect.Effect<{ readonly url: string }, ListenError, Scope.Scope> = Effect.map(
  Effect.suspend(() =>
    openRouterServer({
      scriptFor: (ask) => ({ behaviour: simulated(ask), turns: new Map() }),
      models: () => catalogue
    })
  ),
  (url) => ({ url })
)

/** A model's name may ask for trouble, to show what the router does about it. */
const simulated = (ask: ChatAsk): Behaviour => {
  if (ask.model.includes("fail")) {
    return status(500, { message: `${ask.model} fails, as its name says`, errorType: "server" })
  }
  const category = classified(ask)
  if (category !== undefined) return ok({ content: JSON.stringify({ category }) })
  if (ask.model.includes("cut")) return cut(6, { content: text(ask), chunkDelayMillis })
  return ask.model.includes("slow") ? slow(slowModelMillis, answer(ask)) : answer(ask)
}

/** A classifier's call gives the categories as an enum in a JSON schema. */
const classified = ({ jsonSchema }: ChatAsk): string | undefined =>
  typeof jsonSchema === "object" && jsonSchema !== null && "schema" in jsonSchema
    ? firstCategoryOf(jsonSchema.schema)
    : undefined

const answer = (ask: ChatAsk): Behaviour => {
  const tool = mentionedTool(ask)
  return tool === undefined
    ? ok({ content: text(ask), chunkDelayMillis })
    : ok({ toolCalls: [{ name: tool, arguments: "{}" }], chunkDelayMillis })
}

const mentionedTool = (ask: ChatAsk): string | undefined => {
  const last = ask.messages.at(-1)
  return last?.role === "user" ? ask.toolNames.find((name) => last.text.includes(name)) : undefined
}

const text = (ask: ChatAsk): string =>
  [
    `This is a simulated answer from ${ask.model}: the router runs in its sandbox, no model was asked and nothing is billed.`,
    ...quote(ask),
    "Set OPENROUTER_API_KEY and start without the sandbox to reach real models."
  ].join(" ")

const quote = (ask: ChatAsk): ReadonlyArray<string> => {
  const words = (ask.messages.findLast(({ role }) => role === "user")?.text ?? "").replace(/\s+/g, " ").trim()
  if (words === "") return []
  // By code points, so that no emoji is halved.
  const beginning = [...words].slice(0, quotedLength).join("")
  return [`You wrote: "${beginning}${beginning.length < words.length ? "…" : ""}".`]
}
