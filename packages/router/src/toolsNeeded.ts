/**
 * Do these words need the tools that an agent attaches to every turn? Rather no than yes: a text model can still call
 * them, the category only picks the chain.
 */
import { toolsCategory } from "@llm-router/domain/Category"
import type { Classification } from "@llm-router/domain/Decision"
import { type OfferedTool, toolsNeedOf } from "./toolsHead.ts"

interface Cue {
  readonly reason: string
  readonly confidence: number
  readonly cue: RegExp
  /** It names a thing that only a tool can look at, even when the text asks how or why. */
  readonly ofPlace?: true
}

/** The request's words are shorter (see `humanWords`); these bound the work for any other caller. */
const maxText = 8000
const maxTools = 256
/** Agents' descriptions go on for pages; what the tool does stands at their beginning. */
const maxDescription = 200
const maxParameters = 16

const fileName =
  /(?:^|[\s"'`(])[\w./-]{1,100}\.(?:py|js|ts|tsx|jsx|java|cpp|rs|go|rb|php|cs|sh|sql|html|css|json|ya?ml|toml|md|txt|csv|log|pdf|docx?|xlsx?|env|ini|conf|png|jpe?g)\b/
    .source

const cues: ReadonlyArray<Cue> = [
  {
    reason: "a file path",
    confidence: 0.8,
    ofPlace: true,
    cue: /(?:^|[\s"'`(])(?:~|\.{1,2})?\/(?:[\w.@-]{1,80}\/){1,12}[\w.@-]{0,80}|(?:^|[\s"'`(])(?:~|\.{1,2})\/[\w.@-]{1,80}|\b[a-z]:\\[\w.-]{1,80}/i
  },
  {
    reason: "a URL",
    confidence: 0.75,
    ofPlace: true,
    cue: /(?:^\s{0,20}|\b(?:open|read|fetch|visit|check|summari[sz]e|look at|go to|see|browse|download|scrape|crawl|ouvre|lis|résume|va sur|regarde|télécharge|vérifie|what(?:'s| is) (?:on|at|in))\b[^.?!\n]{0,40}?)https?:\/\/\w/i
  },
  {
    reason: "work on a file",
    confidence: 0.85,
    cue: new RegExp(
      String.raw`\b(?:open|read|edit|delete|create|save|rename|move|copy|append|update|fix|show|check|cat|ouvre|lis|lire|modifie|édite|supprime|crée|enregistre|renomme|déplace|copie|affiche|corrige|vérifie)\b[^.?!\n]{0,60}?${fileName}`,
      "i"
    )
  },
  {
    reason: "files of the workspace",
    confidence: 0.8,
    cue: /\b(?:list|show|find|search|delete|open|read|count|clean up|organi[sz]e) (?:me )?(?:all )?(?:of )?(?:the |my |our |this |these )?(?:files?|folders?|director(?:y|ies)|repo(?:sitory)?|codebase|workspace|logs?|downloads|desktop)\b|\b(?:liste|montre|trouve|cherche|supprime|ouvre|lis|range)(?:-moi)? (?:tous )?(?:les |mes |le |mon |la |ma |ce )(?:fichiers?|dossiers?|répertoires?|dépôt|logs?|journaux|bureau|téléchargements)\b/i
  },
  {
    reason: "a command to run",
    confidence: 0.85,
    cue: /\b(?:run|execute|launch|start|restart|rerun) (?:me )?(?:all )?(?:the |my |this |these |our )(?:[\w-]{1,30} ){0,2}(?:tests?|test suite|build|script|command|server|linter|benchmarks?|app|container|migrations?)\b|\b(?:run|exec|execute) `|\brun (?:npm|pnpm|yarn|pytest|git|docker|cargo|make|go test|ls)\b|\b(?:lance|lancer|exécute|exécuter|démarre|redémarre|relance)(?:-moi)? (?:les |le |la |mes |mon |ma |ce |cette )(?:[\w-]{1,30} ){0,2}(?:tests?|build|script|commande|serveur|conteneur|migrations?)\b/i
  },
  {
    reason: "git work",
    confidence: 0.8,
    cue: /\b(?:commit|push|pull|merge|rebase|stash|checkout) (?:and push|(?:it|this|that|them|all|everything|the|my|your|these|our) ?(?:changes?|branch|code|work|commits?|repo|files?)?\b)|\b(?:open|create|make|merge) (?:a |the |this )(?:pull request|pr|merge request)\b|\bgit (?:status|log|diff|push|pull|commit|clone)\b(?! (?:do|mean|work))|\b(?:commite|pousse|committe)[rz]? (?:le|la|les|mes|ces|tout|ça)\b/i
  },
  {
    reason: "a search of the web",
    confidence: 0.85,
    cue: /\b(?:search|look up|browse|check|find) (?:\w{1,20} ){0,4}?(?:the web|online|the internet|on google|on the internet)\b|\bsearch (?:the web|google|for the latest)\b|\b(?:google|look up) (?:it|this|that|the latest)\b|\bcherche(?:r|z)?(?:-moi)? (?:[\wé'à]{1,20} ){0,6}?(?:sur (?:le web|internet|google|le net)|en ligne)\b/i
  },
  {
    reason: "a reminder or an appointment",
    confidence: 0.85,
    cue: /\b(?:remind me (?:to|in|at|on|about|that|tomorrow|tonight)|set (?:a |an |up a )?(?:\w{1,12} )?(?:reminder|alarm|timer)|wake me (?:up )?(?:at|in)|add (?:\w{1,20} ){0,5}?to my (?:calendar|to-?do|list)|schedule (?:a|an|the|my) (?:\w{1,20} )?(?:meeting|call|appointment|event|task)|what(?:'s| is) on my (?:calendar|agenda|schedule))\b|\b(?:rappelle[- ]moi (?:de|d'|demain|dans|à|que)|mets (?:un|une) (?:rappel|alarme|minuteur|réveil)|réveille-moi|ajoute (?:[\wéèà']{1,20} ){1,5}?à mon (?:agenda|calendrier))/i
  },
  {
    reason: "a message to send",
    confidence: 0.85,
    cue: /\b(?:send|forward|post) (?:a |an |this |that |the |my |him |her |them )?(?:\w{1,20} )?(?:message|email|e-mail|mail|text|sms|dm|reply)\b|\b(?:send|forward|post) (?:this|that|it|them) to \w|\b(?:send|text|email|message) (?:him|her|them|my (?:wife|husband|mom|mum|dad|boss|team|friend))\b|\b(?:envoie|envoyer|transfère)(?:-lui|-leur)? (?:un |une |ce |le |mon )?(?:message|mail|e-mail|sms|courriel)\b|\bcheck my (?:e?-?mails?|inbox|messages)\b|\blis mes (?:mails?|messages|courriels)\b/i
  }
]

/** Asked how to do it, or for a text or program about it: that needs words, not tools. */
const asksForWords =
  /^(?:(?:please|can you|could you|peux-tu|tu peux)[, ]+)?(?:how (?:do|does|can|would|should|to)|what (?:does|do|is the difference)|why|explain|describe|write (?:a|an|me|some)|comment|pourquoi|explique|écris|rédige|[ée]cris-moi)\b/i

/** A question about the world as it is now, which only a tool of that kind can answer. */
const liveTopics: ReadonlyArray<{ readonly reason: string; readonly asks: RegExp; readonly tool: RegExp }> = [
  {
    reason: "the weather, and a tool for it",
    asks: /\b(?:weather|forecast|temperature|météo|quel temps|température|pleuvoir|raining|rain (?:today|tomorrow))\b/i,
    tool: /weather|forecast|temperature|m[ée]t[ée]o/i
  },
  {
    reason: "the time, and a tool for it",
    asks: /\b(?:what time is it|current time|quelle heure)\b/i,
    tool: /(?:^|_|\b)(?:time|clock|datetime)/i
  },
  {
    reason: "prices, and a tool for them",
    asks: /\b(?:stock|share|bitcoin|btc|exchange rate|cours de|taux de change)\b/i,
    tool: /stock|share|price|crypto|exchange|currency/i
  },
  {
    reason: "the news, and a tool for them",
    asks: /\b(?:latest|today'?s?|current|dernières|actualités?)\b[^.?!\n]{0,30}\b(?:news|headlines|nouvelles|infos)\b|\bactualités\b/i,
    tool: /news|web|search|browse/i
  }
]

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Names of parameters, the first ones. */
const parametersOf = (schema: unknown): ReadonlyArray<string> =>
  isRecord(schema) && isRecord(schema["properties"]) ? Object.keys(schema["properties"]).slice(0, maxParameters) : []

const offeredTool = (tool: unknown): OfferedTool | undefined => {
  if (!isRecord(tool)) return undefined
  const { description, name, parameters } = isRecord(tool["function"]) ? tool["function"] : tool
  if (typeof name !== "string") return undefined
  return {
    name: name.slice(0, 128),
    description: typeof description === "string" ? description.slice(0, maxDescription) : "",
    parameters: parametersOf(parameters).map((parameter) => parameter.slice(0, 64))
  }
}

/** Rather no than yes: below this the words decide, and a model that is chosen by them can still call a tool. */
const leastProbability = 0.5

const byOverlap = (text: string, offered: ReadonlyArray<OfferedTool>): Classification | undefined => {
  const need = toolsNeedOf(text, offered)
  if (need === undefined || need.probability < leastProbability) return undefined
  return {
    category: toolsCategory,
    confidence: Math.min(0.95, Math.round(need.probability * 1000) / 1000),
    reasons: [
      `tool ${need.tool} shares ${need.shared
        .slice(0, 5)
        .map((word) => `"${word}"`)
        .join(", ")}`
    ]
  }
}

/**
 * Decides for a request of an agent that attaches its tools to every turn whether these words need one of them:
 * the category `tools` with its reasons, or `undefined`. Pure; bounded in the words and in the tools.
 */
export const toolsNeeded = (words: string, tools: ReadonlyArray<unknown>): Classification | undefined => {
  const text = words.slice(0, maxText)
  const offered = tools.slice(0, maxTools).flatMap((tool) => offeredTool(tool) ?? [])
  if (offered.length === 0 || text.trim() === "") return undefined
  const wantsWords = asksForWords.test(text.trimStart())
  const hit = cues.filter(({ cue, ofPlace }) => (ofPlace === true || !wantsWords) && cue.test(text))
  const live = liveTopics.filter(
    ({ asks, tool }) =>
      asks.test(text) && offered.some(({ name, description }) => tool.test(name) || tool.test(description))
  )
  if (hit.length + live.length === 0) return byOverlap(text, offered)
  const strongest = Math.max(...hit.map(({ confidence }) => confidence), ...live.map(() => 0.8))
  return {
    category: toolsCategory,
    confidence: Math.min(0.95, strongest + 0.04 * (hit.length + live.length - 1)),
    reasons: [...hit, ...live].map(({ reason }) => reason)
  }
}
