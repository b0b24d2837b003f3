/** The most that a request is expected to cost: what is set aside of a budget until it is known. */
import { type ChatRequest, estimatedInputTokens } from "@llm-router/domain/ChatRequest"
import type { PicoDollars } from "@llm-router/domain/Money"
import { costOf, type TokenPrices } from "./pricing.ts"

/** Where a request names no bound of its own: a long answer. */
const longAnswerTokens = 4_096
/** Beyond any model's; what a request writes there is its own business. */
const mostTokens = 10_000_000
/** Digits of a number; who writes more means to hide it. */
const longestNumber = 32
/** OpenAI's bound of `n`. */
const mostAnswers = 128
/** An estimate counts four characters for a token; in the worst text each is one. */
const charactersPerEstimatedToken = 4

const countIn = (request: ChatRequest, name: string): number | undefined => {
  // The last of doubled members is the one that counts, as in `JSON.parse`.
  const member = request.members.findLast((candidate) => candidate.name === name)
  if (member === undefined) return undefined
  if (member.end - member.start > longestNumber) return mostTokens
  const value = Number(request.body.toString("latin1", member.start, member.end))
  // Less than one bounds nothing: no upstream takes it, or it is taken for none.
  return Number.isFinite(value) && value >= 1 ? Math.min(Math.ceil(value), mostTokens) : undefined
}

/** How many tokens a request lets its answers have together; `undefined` where it sets no bound. */
export const answerTokensOf = (request: ChatRequest): number | undefined => {
  const bounds = ["max_completion_tokens", "max_tokens"].flatMap((name) => countIn(request, name) ?? [])
  // Which of two counts is the upstream's to say.
  return bounds.length === 0 ? undefined : Math.max(...bounds) * answersOf(request)
}

const answersOf = (request: ChatRequest): number => Math.min(mostAnswers, countIn(request, "n") ?? 1)

/**
 * By the dearest of the models. A chain that falls back pays for the answer once: OpenRouter charges no attempt that
 * produced nothing. A model without a price counts as nothing in an operator's chain, who may give it one; where the
 * caller names it, nobody knows the worst case.
 */
export const worstCaseOf = (
  request: ChatRequest,
  { models, namedByCaller }: { readonly models: ReadonlyArray<string>; readonly namedByCaller: boolean },
  pricesOf: (model: string) => TokenPrices | undefined
): PicoDollars | undefined => {
  const tokens = {
    inputTokens: estimatedInputTokens(request) * charactersPerEstimatedToken,
    outputTokens: answerTokensOf(request) ?? longAnswerTokens * answersOf(request)
  }
  let most = 0n
  for (const model of models) {
    const prices = pricesOf(model)
    if (prices === undefined && namedByCaller) return undefined
    const cost = prices === undefined ? 0n : costOf(prices, tokens)
    if (cost > most) most = cost
  }
  return most
}
