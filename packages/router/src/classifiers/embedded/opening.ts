/**
 * The greeting and the polite form before a request: "Hello, could you please ...". They say nothing of what is asked,
 * so that the text begins after them, unless they are all there is.
 */
import { TokenKind } from "./characters.ts"
import { combined } from "./hashing.ts"
import * as read from "./tokens.ts"

const greetings = `
  hi, hello, hey, hi there, hello there, hey there, hiya, dear, greetings, good morning, good afternoon, good evening, good day, hope you are well, hope you're well,
  bonjour, salut, coucou, bonsoir, hola, buenos dias, buenas tardes, hallo, guten tag, guten morgen, ciao, ok, okay, so, well, alors, bon, chatgpt, chat gpt, gpt, assistant`

const requests = `
  please, pls, plz, kindly, can you, can you please, could you, could you please, would you, would you please, will you, can u, could u, may you, can i ask you, can i ask you to,
  i want you to, i need you to, i would like you to, i'd like you to, i want to know, i would like to know, i'd like to know, i was wondering, i wonder, do you know, do you happen to know,
  could you help me, can you help me, help me, help me to, please help me, i need help with, i need help to, would you mind, are you able to, is it possible for you to, i have a question, quick question, one question,
  peux-tu, peux tu, tu peux, pourrais-tu, pourrais tu, tu pourrais, pouvez-vous, pouvez vous, pourriez-vous, pourriez vous, est-ce que tu peux, est-ce que tu pourrais, est-ce que vous pouvez, est-ce que vous pourriez,
  s'il te plait, s'il vous plait, stp, svp, merci de, aide-moi, aide moi, aide-moi a, aidez-moi a, j'aimerais que tu, je voudrais que tu, je veux que tu, j'aimerais savoir, je voudrais savoir, sais-tu, savez-vous, peux-tu me dire, pouvez-vous me dire, j'ai une question, petite question,
  kannst du, konntest du, konnen sie, konnten sie, bitte, kannst du mir, hilf mir, weisst du, puedes, podrias, puede, podria, por favor, me puedes, ayudame a, necesito que, sabes`

const { readTokens, tokens } = read
const root = 0x7f4a7c15
const continued = new Set<number>()
const greetingEnds = new Set<number>()
const requestEnds = new Set<number>()

for (const [phrases, ends] of [
  [greetings, greetingEnds],
  [requests, requestEnds]
] as const) {
  for (const phrase of phrases.split(",")) {
    readTokens(phrase)
    let node = root
    for (let at = 0; at < tokens.length; at++) {
      node = combined(node, tokens.hashes[at] ?? 0)
      continued.add(node)
    }
    ends.add(node)
  }
}

/** What stands before the request; valid until the next text is read. */
export const opening = { length: 0, greets: false, asks: false }

/** Less than this is no request: "can you swim?" is asked as it stands. */
const leastWords = 4
const longestOpening = 16

const wordsFrom = (from: number): number => {
  let words = 0
  for (let at = from; at < tokens.length && words < leastWords; at++) if (tokens.kinds[at] !== TokenKind.sign) words++
  return words
}

export const readOpening = (): void => {
  let at = 0
  opening.length = 0
  opening.greets = false
  opening.asks = false
  while (at < tokens.length && at < longestOpening) {
    let node = root
    let end = at
    for (let next = at; next < tokens.length; next++) {
      node = combined(node, tokens.hashes[next] ?? 0)
      if (!continued.has(node)) break
      if (greetingEnds.has(node)) opening.greets = true
      else if (requestEnds.has(node)) opening.asks = true
      else continue
      end = next + 1
    }
    if (end === at && (at === 0 || tokens.kinds[at] !== TokenKind.sign)) break
    at = Math.max(end, at + 1)
  }
  if (wordsFrom(at) >= leastWords) opening.length = at
}
