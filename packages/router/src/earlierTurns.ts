/**
 * Messages read as turns of a conversation: which of them lean on others, and what they were about together.
 */
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { classifyByKeywords } from "./classifiers/keywords.ts"
import { type Conversation, inContext, type Verdict } from "./conversation.ts"
import { type Leaning, leaningOf } from "./followUps.ts"

/** What follow-ups look like in any conversation: questions and small talk. Other categories are named by their words. */
const formOnly: ReadonlySet<string> = new Set(["conversation", "reasoning"])

/** "why?" and "thanks" go on with the conversation; "a poem" and "fix the bug" say by themselves what they are about. */
export const leaningIn = (config: RouterConfig, text: string): Leaning =>
  leaningOf(text, (short) => {
    const category = classifyByKeywords(config, short)?.category
    return category !== undefined && !formOnly.has(category)
  })

interface EarlierTurns {
  readonly conversation: Conversation | undefined
  /** The last message that said by itself what it was about. */
  readonly about: string | undefined
}

/** What a conversation that is not remembered was about, read again from its messages, newest first. */
export const rereadTurns = (
  config: RouterConfig,
  earlier: ReadonlyArray<string>,
  verdictOf: (text: string) => Verdict
): EarlierTurns => {
  let conversation: Conversation | undefined
  let about: string | undefined
  for (const text of earlier.toReversed()) {
    const verdict = verdictOf(text)
    const turn = inContext(verdict, leaningIn(config, text), conversation)
    if (turn === undefined) continue
    conversation = turn.conversation
    if (turn.classification.category === verdict.classification?.category) about = text
  }
  return { conversation, about }
}
