/**
 * Whether a short message states a task of its own: English, French, Spanish, German. What a classifier makes of it
 * does not tell: "tell me more" and "tell me a joke" read equally like a chat. What tells is an object that the message
 * brings along ("a joke", "the capital of Peru") where a follow-up points at what was said ("it", "an example", "the
 * output"). What is missed stays with its conversation, so that these patterns would rather miss.
 */

const anyOf = (words: string): string =>
  `(?:${words
    .trim()
    .split(/\s*,\s*/)
    .join("|")})`

/** Neither letters nor a hyphen ("est-ce", "fait-il") before them, no letters behind. */
const whole = (words: string): string => `(?<![\\p{L}\\p{N}-])${anyOf(words)}(?![\\p{L}\\p{N}])`

/** "Thanks! Could you please": said before the task itself. */
const polite = new RegExp(
  `^[^\\p{L}\\p{N}]{0,4}(?:${whole(`
    ok(?:ay)?, hi, hello, hey, thanks, thank you, great, perfect, cool, nice, now, please, (?:can|could|would|will) you,
    bonjour, salut, merci, super, parfait, maintenant, s'il te pla[iî]t, (?:peux|pourrais)[- ]tu, tu (?:peux|pourrais),
    (?:pouvez|pourriez)[- ]vous, hola, gracias, ahora, por favor, (?:puedes|podr[ií]as), hallo, danke, jetzt, bitte
  `)}[\\s,.!:¿¡]{1,3}){0,3}`,
  "iu"
)

/** What was said, or what one is doing: "it", "here", "we". */
const pointers = whole(`
  it, its, that, this, these, those, they, them, their, ones?, same, others?, another, again, instead, else, everything,
  here, I, we, our,
  [cç]a, cela, ceci, celui, celles?, ceux, ce, cet, cette, ces, ils?, elles?, lui, leurs?, m[eê]mes?, autres?, encore,
  plut[oô]t, tout, ici, je, nous, notre,
  es[oae], est[oae], lo, otr[oa]s?, mism[oa]s?, todo, aqu[ií],
  dies\\p{L}*, davon, damit, daf[uü]r, noch, andere\\p{L}*, alles, hier, ich, wir
`)
/** "This evening" points at nothing that was said. */
const times = anyOf(`
  morning, afternoon, evening, week, weekend, month, year, matin, midi, soir, semaine, week-end, mois, ann[eé]e, noche,
  tarde, semana
`)
const pointing = new RegExp(`${pointers}(?! ${times})|\\p{L}-(?:le|la|les|lui|leur)(?![\\p{L}\\p{N}])`, "iu")

/** A part, or another form, of what is there already, though it comes as "an example" or "un test". */
const belonging = new RegExp(
  whole(`
    examples?, versions?, variants?, alternatives?, tests?, summary, explanation, hints?, comments?,
    details?, bit, more,
    way, solution, fix, reason, answer, title, list, table, line, sentence, paragraph, conclusion, function, docstring,
    file, readme, commit, one-?liner, shorter, longer, simpler, better, faster, kind, sort, type, use, point,
    role, purpose,
    exemples?, variantes?, r[eé]sum[eé], explication, indice, commentaires?, d[eé]tails?, peu, plus, moins, mani[eè]re,
    raison, r[eé]ponse, titre, liste, tableau, ligne, phrase, paragraphe, fonction, fichier, r[oô]le,
    ejemplos?, versi[oó]n, prueba, resumen, explicaci[oó]n, pista, comentarios?, poco, menos, respuesta,
    t[ií]tulo, lista,
    tabla, l[ií]nea, frase, funci[oó]n, archivo, tipo,
    beispiele?, l[oö]sung, zusammenfassung, erkl[aä]rung, hinweis, kommentar, bisschen, antwort, titel, tabelle, zeile,
    satz, funktion, datei, k[uü]rzere\\p{L}*, bessere\\p{L}*
  `),
  "iu"
)

const making = anyOf(`
  write, tell, give, compose, draft, invent, recommend, suggest, imagine, plan, make me,
  [eé]cri(?:s|vez|re), racont(?:e[rz]?), donne[rz]?, dis, r[eé]dige[rz]?, invente[rz]?, propose[rz]?, recommande[rz]?,
  conseille[rz]?, fais-moi, compose[rz]?, (?:escr[ií]be|cu[eé]nta|recomi[eé]nda)(?:me)?, (?:contar|escribir)(?:me)?,
  dame, dime, inventa, redacta, schreibe?, erz[aä]hle?, gib, nenne?, erfinde?, empfiehl
`)
const ofOwn = anyOf(`
  an?, some, two, three, four, five, ten, une?, des, deux, trois, quatre, cinq, dix, un[oa]s?, dos, tres, cinco,
  eine?[nrms]?, zwei, drei, \\d\\d?
`)

/** "Tell me a joke", "(Peux-tu) me raconter une blague". */
const makes = new RegExp(`^(?:me |m['’])?${making}(?:[ -](?:me|us|moi|nous|mir|uns))? ${ofOwn} \\p{L}{2}`, "iu")

const translating = anyOf(`
  translate, how do you say, tradui(?:s|sez|re), comment (?:dit-on|on dit), traduce, c[oó]mo se dice, [uü]bersetze?,
  wie sagt man, wie hei(?:ß|ss)t
`)
const there = anyOf(
  `the, my, your, all, le, la, les, tes, mes, el, los, las, die, der, das, den, to, into, in, en, au, ins`
)

/** "Translate hello to French": the words are given; "the comments" are there already. */
const translates = new RegExp(
  `^${translating} (?!${there} )[^]{1,60} ${anyOf(`to, into, in, en, au, al, ins, auf`)} \\p{L}{3}`,
  "iu"
)

const reckoning = anyOf(`
  what(?:['’]s| is), how much is, calculate, compute, combien font, calcule[rz]?, cu[aá]nto es, calcula, was ist,
  wie ?viel ist, berechne
`)

/** "What is 15 % of 240?", "combien font 12 fois 13". */
const reckons = new RegExp(`^${reckoning} [^\\d]{0,20}\\d[^]{0,12}[^\\d.,]\\d`, "iu")

const asking = anyOf(`
  what(?:['’]s)?, who(?:['’]s)?, whose, when, where, which, how, why, explain, describe, compare,
  summari[sz]e, tell me about,
  quel(?:le)?s?, qui, quand, o[uù], combien, comment, pourquoi, qu['’]est-ce, c['’]est quoi, explique[rz]?,
  d[eé]cri[st],
  parle-moi, cu[aá]l(?:es)?, qu[eé], qui[eé]n(?:es)?, cu[aá]ndo, d[oó]nde, cu[aá]nt[oa]s?, c[oó]mo, por qu[eé], explica,
  h[aá]blame
`)

/** "What about Paris?" goes on, and so does "explain in French". */
const asks = new RegExp(`^${asking}(?![\\p{L}\\p{N}])(?! (?:about|if|not|pas|no|in|en) )`, "iu")
/** Something in the world: by the capital of its name, or "of france" in haste. */
const named = /[\p{Ll}\p{N},] (?:[dl]['’])?\p{Lu}\p{Ll}+(?![\p{L}\p{N}])|\p{L}['’]\p{Lu}\p{Ll}+(?![\p{L}\p{N}])/u
const ofSomething = / of (?!(?:the|an?) )\p{L}{3}/iu
/** Where every noun has a capital, those behind "von" are names. */
const asksInGerman = /^(?:[Ww](?:as|er|ann|o|ie|arum)|[Ww]elche[rs]?) [^]{1,60} von \p{Lu}\p{Ll}/u

/** For messages of a line, which bounds the work. */
export const statesTask = (line: string): boolean => {
  const task = line.replace(polite, "")
  if (pointing.test(task)) return false
  if (translates.test(task) || reckons.test(task)) return true
  if (belonging.test(task)) return false
  return (
    makes.test(task) || asksInGerman.test(task) || (asks.test(task) && (named.test(task) || ofSomething.test(task)))
  )
}
