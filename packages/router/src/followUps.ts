/**
 * How much a message leans on what was said before it, by its words alone: English, French, Spanish, German.
 */
import { statesTask } from "./ownTask.ts"

/**
 * `continuation`: too short to tell ("ok", "why?", "et en français ?"); `followUp`: short, or begins as if in the middle;
 * `standalone`: would be understood without the conversation; `newTopic`: says that it leaves the conversation.
 */
export type Leaning = "continuation" | "followUp" | "standalone" | "newTopic"

const continuation = { words: 4, characters: 30 }
const shortMessage = { words: 8, characters: 60 }
/** A longer message that begins with "and" tells enough by itself. */
const longestFollowUp = { words: 20, characters: 140 }

/** Words with which a message begins that goes on with something. */
const opening =
  /^\W{0,4}(?:and|but|or|so|also|then|now|same|again|instead|still|ok(?:ay)?|yes|yeah|no|oh|great|perfect|thanks|what about|what if|how about|make it|add|without|et|mais|ou|donc|alors|aussi|puis|maintenant|pareil|encore|plut[oô]t|plus|moins|sans|avec|ajoute|enl[eè]ve|oui|non|ah|merci|d'accord|y|pero|entonces|ahora|tambi[eé]n|sin|m[aá]s|menos|vale|s[ií]|und|aber|oder|dann|jetzt|auch|noch|ohne|mehr|ja|nein|danke)(?![\p{L}\p{N}])/iu

const newTopic =
  /^(?:[^.!?\n]{0,24}[.!?]\s{1,2})?\W{0,4}(?:by the way|btw|different (?:thing|topic|question|subject)|new (?:topic|question|subject)|something else|another (?:topic|subject)|unrelated|au fait|autre (?:sujet|chose|question)|rien [aà] voir|changeons de sujet|sinon,|cambiando de tema|otra cosa|por cierto|oye,|anderes thema|andere frage|was anderes|[uü]brigens)(?![\p{L}\p{N}])/iu

/** "Ok I take it. Draft a mail to ...": after the sentence that goes on comes one of its own. */
const secondSentence = /^[^]{12,}?[.!?…]\s/

const wordCount = (text: string): number => text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length

const fits = (text: string, limit: { readonly words: number; readonly characters: number }): boolean =>
  text.length <= limit.characters && wordCount(text) <= limit.words

/**
 * Short words lean on the conversation unless they `tell` ("a poem" and "fix the bug" say what they are about) or state a
 * task of their own ("tell me a joke").
 */
export const leaningOf = (text: string, tells: (text: string) => boolean): Leaning => {
  if (newTopic.test(text)) return "newTopic"
  if (fits(text, shortMessage)) {
    if (tells(text) || statesTask(text)) return "standalone"
    return fits(text, continuation) ? "continuation" : "followUp"
  }
  const goesOn = fits(text, longestFollowUp) && opening.test(text) && !secondSentence.test(text)
  return goesOn && !tells(text) ? "followUp" : "standalone"
}
