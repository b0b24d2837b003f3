/**
 * How probable it is that the words of a request need one of the tools that it offers: a small linear model over the
 * words that the request and a tool share, trained by `pnpm train:classifier`.
 */
import { Schema } from "effect"
import { readFileSync } from "node:fs"

export interface OfferedTool {
  readonly name: string
  readonly description: string
  readonly parameters: ReadonlyArray<string>
}

export interface ToolsNeed {
  readonly probability: number
  /** The tool that shares most, and what it shares. */
  readonly tool: string
  readonly shared: ReadonlyArray<string>
}

const mostWords = 400

/** Words that describe tools as such, or anything at all: that a text shares them says nothing. */
const generic: ReadonlySet<string> = new Set(
  `a an the and or of to in on for with by from at as is are be it its this that these those any all one two more most no not if when what which who
  how your you i me my we us can could will would should do does did has have give given get gets set sets let make makes use used using uses need
  want tell please call calls tool tools function functions process run runs read reads write writes edit edits exec list lists show find search fetch
  create creates update delete add adds return returns retrieve retrieves provide provides based specific specified certain input output data
  information info detail details name names type value values text string number numbers time times date user users file files content new current
  exact single multiple many existing completed background long short line lines id result results query parameter parameters via per such also than
  into about over out up task tasks question answer say hello thread message messages session sessions picture image images view code command
  write python explain summary summarize describe compute calculate calculates different between each other first second where whether only main
  le la les un une des de du et ou en dans pour avec par sur est sont ce cette que qui quoi quel quelle mon ma mes ton ta je tu il elle nous vous`.split(
    /\s+/
  )
)

/** Forms of one word are one: "calculate", "calculation" and "calculates". */
const stem = (word: string): string => word.replace(/(?:ations?|ing|ers?|ies|ed|es|s|e|y)$/, "").slice(0, 7)

/** The telling words of a text: names such as `get_stockPrice` count as their parts. */
const tellingWords = (text: string): ReadonlySet<string> => {
  const words = new Set<string>()
  for (const match of text
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .matchAll(/\p{L}{3,40}/gu)) {
    if (!generic.has(match[0])) words.add(stem(match[0]))
    if (words.size >= mostWords) break
  }
  return words
}

const please =
  /^(?:(?:please|can you|could you|hey|ok|i(?:'d| would) like (?:you )?to|i (?:want|need) (?:you )?to|help me|peux-tu|tu peux)[, ]+){0,3}/
    .source

/** Something is asked for, as opposed to told or asked to be explained. */
const asksForAction = new RegExp(
  String.raw`${please}(?:find|get|fetch|search|show|list|book|order|buy|play|calculate|compute|convert|check|look|send|create|generate|predict|estimate|determine|retrieve|schedule|turn|set|add|remove|analy[sz]e|track|translate|what(?:'s| is| are| will| was)|how (?:much|many|far|long)|who|when|where|which|trouve|cherche|réserve|calcule|convertis|joue|commande|affiche|donne)\b`,
  "i"
)
const asksToDo = new RegExp(
  String.raw`${please}(?:find|get|fetch|search|book|order|buy|calculate|compute|convert|check|send|create|generate|predict|estimate|determine|retrieve|schedule|track|update|trouve|cherche|réserve|calcule|convertis|commande|envoie)\b`,
  "i"
)
const asksForWords = new RegExp(
  String.raw`${please}(?:how (?:do|does|can|would|should|to)|what (?:does|do|is the difference)|why|explain|describe|write (?:a|an|me|some)|comment|pourquoi|explique|écris|rédige|[ée]cris-moi)\b`,
  "i"
)

interface Overlap {
  readonly score: number
  readonly tool: string
  readonly shared: ReadonlyArray<string>
  readonly name: number
  readonly nameShare: number
  readonly description: number
  readonly descriptionShare: number
  readonly parameterShare: number
  /** Share of the request's words that the tool knows. */
  readonly coverage: number
  readonly missing: number
  readonly core: number
  readonly parameters: number
}

const shareOf = (count: number, of: number): number => (of === 0 ? 0 : count / of)

const overlapOf = (said: ReadonlySet<string>, { description, name, parameters }: OfferedTool): Overlap => {
  const named = tellingWords(name.replace(/[._]/g, " "))
  const described = tellingWords(description)
  const parametrised = tellingWords(parameters.join(" ").replace(/_/g, " "))
  const shared = [...said].filter((word) => named.has(word) || described.has(word) || parametrised.has(word))
  const inName = shared.filter((word) => named.has(word)).length
  const inDescription = shared.filter((word) => described.has(word)).length
  const nameShare = shareOf(inName, named.size)
  const descriptionShare = Math.min(1, shareOf(inDescription, Math.sqrt(described.size)))
  const parameterShare = shareOf(shared.filter((word) => parametrised.has(word)).length, parametrised.size)
  const coverage = shareOf(shared.length, said.size)
  return {
    score: 2 * nameShare + descriptionShare + parameterShare + 2 * coverage,
    tool: name,
    shared,
    name: inName,
    nameShare,
    description: inDescription,
    descriptionShare,
    parameterShare,
    coverage,
    missing: named.size - inName,
    core: shared.filter((word) => named.has(word) && described.has(word)).length,
    parameters: parameters.length
  }
}

const flag = (holds: boolean): number => (holds ? 1 : 0)
const upTo = (limit: number, value: number): number => Math.min(1, value / limit)

/** By name, so that a weights file says what each is worth. */
const featuresOf = (text: string, best: Overlap, second: number): Readonly<Record<string, number>> => {
  const numbers = text.match(/\d+(?:[.,]\d+)?/g)?.length ?? 0
  const capitals = text.slice(1).match(/\b[A-Z][a-z]+/g)?.length ?? 0
  const shared = best.shared.length
  return {
    bias: 1,
    nameShare: best.nameShare,
    descriptionShare: best.descriptionShare,
    parameterShare: best.parameterShare,
    coverage: best.coverage,
    nameWords: upTo(3, best.name),
    descriptionWords: upTo(4, best.description),
    sharedWords: upTo(5, shared),
    nothingInName: flag(best.name === 0),
    nothingShared: flag(shared === 0),
    wholeName: flag(best.missing === 0 && best.name > 0),
    core: upTo(2, best.core),
    lead: Math.max(0, best.score - second) / 3,
    asksForAction: flag(asksForAction.test(text)),
    asksToDo: flag(asksToDo.test(text)),
    asksForWords: flag(asksForWords.test(text)),
    hasNumber: flag(numbers > 0),
    numbers: upTo(3, numbers),
    numberAndShared: flag(numbers > 0 && shared >= 2),
    capitals: upTo(3, capitals),
    isTiny: flag(text.length < 25),
    isShort: flag(text.length < 50),
    isMedium: flag(text.length > 120),
    isLong: flag(text.length > 300),
    isQuestion: flag(/\?\s*$/.test(text)),
    parameters: upTo(5, best.parameters),
    numbersForParameters: Math.min(1, numbers / Math.max(1, best.parameters)),
    hasQuote: flag(/['"“«]/.test(text)),
    nameAndCoverage: best.nameShare * best.coverage,
    descriptionAndCoverage: best.descriptionShare * best.coverage,
    nameAndShared: (best.nameShare * shared) / (shared + 2),
    hasLines: flag(text.includes("\n")),
    isTold: flag(/^(?:i|je|you|tu|vous)\b/i.test(text))
  }
}

export interface ToolsExample {
  readonly features: Readonly<Record<string, number>>
  readonly tool: string
  readonly shared: ReadonlyArray<string>
}

/** The features of words and the tool that shares most with them; `undefined` without tools. */
export const toolsExample = (text: string, tools: ReadonlyArray<OfferedTool>): ToolsExample | undefined => {
  const said = tellingWords(text)
  let best: Overlap | undefined
  let second = 0
  for (const tool of tools) {
    const overlap = overlapOf(said, tool)
    if (best === undefined || overlap.score > best.score) {
      second = best?.score ?? 0
      best = overlap
    } else if (overlap.score > second) second = overlap.score
  }
  if (best === undefined) return undefined
  return { features: featuresOf(text.trim(), best, second), tool: best.tool, shared: best.shared }
}

/** By feature. A file for other features than this version's has other names. */
export const ToolsWeights = Schema.Record(Schema.String, Schema.Finite)
export type ToolsWeights = typeof ToolsWeights.Type

export const toolsWeightsFile = new URL("toolsWeights.json", import.meta.url)

export const probabilityOf = (weights: ToolsWeights, features: Readonly<Record<string, number>>): number => {
  let logit = 0
  for (const name in features) logit += (weights[name] ?? 0) * (features[name] ?? 0)
  return 1 / (1 + Math.exp(-logit))
}

const weights = Schema.decodeUnknownSync(Schema.fromJsonString(ToolsWeights))(readFileSync(toolsWeightsFile, "utf8"))

/** Pure; linear in the words and in the tools, whose number the caller bounds. */
export const toolsNeedOf = (text: string, tools: ReadonlyArray<OfferedTool>): ToolsNeed | undefined => {
  const example = toolsExample(text, tools)
  if (example === undefined) return undefined
  return { probability: probabilityOf(weights, example.features), tool: example.tool, shared: example.shared }
}
