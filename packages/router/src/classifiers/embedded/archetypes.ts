/** The kinds of request that the embedded classifier tells apart, and the built-in category that serves each. */
export const archetypes = [
  "code",
  "math",
  "knowledge",
  "analysis",
  "conversation",
  "fiction",
  "writing",
  "translation",
  "summarization",
  "extraction"
] as const

export type Archetype = (typeof archetypes)[number]

/** No built-in category is for these: a custom one whose words or examples read like one may have them whole. */
export const readable: ReadonlySet<Archetype> = new Set([
  "fiction",
  "writing",
  "translation",
  "summarization",
  "extraction"
])

/**
 * Where a request goes while no custom category takes its kind. What must be right goes to the models that think
 * (a sum, a fact, what a text says), what must read well to those that talk.
 */
export const builtinCategoryOf: Readonly<Record<Archetype, "code" | "reasoning" | "conversation">> = {
  code: "code",
  math: "reasoning",
  knowledge: "reasoning",
  analysis: "reasoning",
  conversation: "conversation",
  fiction: "conversation",
  writing: "conversation",
  translation: "conversation",
  summarization: "reasoning",
  extraction: "reasoning"
}
