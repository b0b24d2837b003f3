/**
 * What users call the kinds of request that the embedded classifier knows, in English and French: so that a category
 * of theirs is matched to its kind. Accents, case and plurals do not count.
 */
import { type Archetype, archetypes } from "./embedded/archetypes.ts"
import { keywordIndex, keywordsIn } from "./keywordIndex.ts"
import { folded, singular } from "./words.ts"

interface Names {
  /** They tell the kind wherever they stand: in a name, among keywords, in a description. */
  readonly words: string
  /** They tell it only as the whole name: "development" is programming, "child development" is not. */
  readonly wholeNames: string
}

const creative = "creative, creativity, créatif, créative, créativité, creative writing, écriture créative"

const names: Readonly<Record<Archetype, Names>> = {
  code: {
    words: "",
    wholeNames: `coding, programming, development, dev, developer, software, software development, software engineering,
      code generation, coder, programmation, développement, développeur, codage, développement logiciel`
  },
  math: {
    words: "math, maths, mathematics, arithmetic, mathématiques, mathématique, arithmétique",
    wholeNames: "calculation, calculus, equation, algebra, calcul, équation, algèbre"
  },
  knowledge: {
    words: "",
    wholeNames: `knowledge, general knowledge, trivia, fact, facts, factual, faq, question answering, qa, encyclopedia,
      connaissance, connaissances, culture générale, savoir, encyclopédie`
  },
  analysis: {
    words: "",
    wholeNames: `analysis, analytical, thinking, deep thinking, explanation, critical thinking, analyse, réflexion,
      raisonnement, explication`
  },
  conversation: {
    words: "smalltalk, small talk, chitchat, chit chat, bavardage, papotage",
    wholeNames: "chat, chatting, casual, talk, talking, companion, discussion, causerie, discuter"
  },
  fiction: {
    words: `${creative}, fiction, story, stories, storytelling, storyteller, short story, tale, fairy tale, novel, novelist, poem, poems,
      poetry, poet, poetic, verse, haiku, sonnet, limerick, lyrics, song, songwriting, screenplay, roleplay, role play, imagine,
      worldbuilding, narrative, histoire, histoires, conte, conteur, poème, poésie, poétique, fable, récit, chanson, paroles,
      imagination, imaginer, imagine, invente, jeu de rôle, narration, nouvelle littéraire`,
    wholeNames: "fantasy, roman, romans, literature, littérature, nouvelles"
  },
  writing: {
    words: `${creative}, writing, writer, rewriting, rewrite, rephrase, paraphrase, copywriting, copywriter, proofreading, proofread, copyediting,
      drafting, essay, blog post, cover letter, newsletter, letter writing, rédaction, rédiger, rédige, rédacteur, rédactionnel, réécrire,
      réécriture, reformuler, reformulation, reformule, relecture, écrire, écriture, lettre de motivation, dissertation, courrier`,
    wholeNames: "editing, email, mail, letter, editor, draft, blog, courriel, lettre, correction"
  },
  translation: {
    words: `translation, translate, translating, translator, translated, how do you say, localization, localisation, traduction, traduire, traduis,
      traduisez, traduit, traducteur, traductrice, comment dit-on, comment on dit, version anglaise, Übersetzung, übersetzen, übersetze, traducción,
      traducir, traduce`,
    wholeNames: "l10n, i18n, interpreting, interpreter"
  },
  summarization: {
    words: `summarization, summarisation, summarize, summarise, summarizing, summarising, summarizer, summary, summaries, tldr, tl;dr, recap,
      condense, abridge, key points, in short, main points, résumé, résumer, résume, résumez, synthèse, synthétiser, synthétise, condenser,
      points clés, en bref, Zusammenfassung, resumen, resumir`,
    wholeNames: "digest, abstract, minutes, shortening, short, gist, compte rendu"
  },
  extraction: {
    words: `extraction, extract, extracting, extractor, information extraction, data extraction, named entity, named entities, ner, classification,
      classify, classifying, classifier, labeling, labelling, tagging, sentiment, sentiment analysis, categorize, categorise, categorization,
      extraire, extrais, extrayez, extrait, classifier, classer, classe, catégoriser, étiquetage, étiqueter, entités nommées, analyse de sentiment,
      Extraktion, extraer, clasificar`,
    wholeNames: "entities, parsing, labels, tags, entités, étiquettes, tri"
  }
}

const listed = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")

/**
 * A light stem: "stories" and "story", "extracted" and "extracting", "résume" and "résumez" are one word each. What is
 * left has four letters at least, so that short words keep their ends.
 */
const stemOf = (word: string): string => {
  const one = singular(word, 4)
  if (one.length < 5) return one
  if (one.endsWith("ie")) return `${one.slice(0, -2)}y`
  const verb = /^(.{4,}?)(?:ing|ed|ez)$/.exec(one)?.[1]
  if (verb !== undefined) return verb.length > 4 ? verb.replace(/([bdgmnprt])\1$/, "$1") : verb
  return one.length > 5 ? one.replace(/^(.{5,}?)ee?$/, "$1") : one
}

/** What names a kind does so in all forms of its words. */
const stemmed = (text: string): string => text.replace(/[\p{L}\p{N}\p{M}_]+/gu, (word) => stemOf(folded(word)))

const indexOf = (listOf: (of: Names) => string) =>
  keywordIndex(
    archetypes.map((name) => ({ name, builtin: false, keywords: listed(stemmed(listOf(names[name]))) })),
    ""
  )

const words = indexOf((of) => of.words)
const wholeNames = indexOf((of) => of.wholeNames)

const archetypeNamed = (name: string): ReadonlyArray<Archetype> => archetypes.filter((archetype) => archetype === name)

/** The kinds that the words of a text name, as often as they do, in order of position. */
export const kindsNamedIn = (text: string): ReadonlyArray<Archetype> =>
  keywordsIn(words, stemmed(text)).flatMap(({ category }) => archetypeNamed(category))

/** The kinds that a category's name says it is for: `creative`, `math-homework`, `resumes`. */
export const kindsOfName = (name: string): ReadonlyArray<Archetype> => {
  const text = name.replaceAll(/[_-]+/g, " ")
  // `code-translation` is a part of what the category `code` is for.
  if (/\bcode\b/.test(text)) return []
  const whole = keywordsIn(wholeNames, stemmed(text)).filter(
    ({ words: count, position }) => position === 0 && count === wordsIn(text)
  )
  return [
    ...new Set([
      ...archetypeNamed(name),
      ...kindsNamedIn(text),
      ...whole.flatMap(({ category }) => archetypeNamed(category))
    ])
  ]
}

const wordsIn = (text: string): number => text.trim().split(/\s+/).length
