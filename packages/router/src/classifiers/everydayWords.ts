/**
 * How much a built-in keyword tells. Many of them are everyday words: alone they hardly tell, together they do, and a
 * clear word beside them decides.
 */
const listed = (text: string): ReadonlyArray<string> => text.trim().split(/\s*,\s*/)

/** Words of a field that everyday language uses too: "class", "branch", "the problem is". */
const ambiguous = new Map<string, number>([
  ...listed(`
    class, classe, branch, import, error, file, files, fichier, library, spring, tableau, commit, http
  `).map((word) => [word, 0.35] as const),
  ...listed(`
    script, string, strings, node, table, exception, module, api, apis, swift, ruby, rust, java, program, programme, programming, method, méthode, apache, oracle, eclipse, cocoa, server, excel,
    loop, boucle, compiler, plugin, const, def, schema, migration, query, requête, website, framework, react,
    terminal, angular, code, codes, runtime, fonction, function, variable, parse
  `).map((word) => [word, 0.6] as const),
  ...listed(`
    how, comment, think, reason, problem, problème, solution, study, étude, understand, complex, cause, causes,
    research, recherche, each, chaque, total, prime, area, speed, volume, average, percent, most likely, example of,
    concept, strategy, describe, recipe, différence, logic, moyenne
  `).map((word) => [word, 0.5] as const),
  ...listed(`
    explain, explique, expliquer, expliquez, explanation, compare, determine, step by step, advantages, your, ton, ta, tes,
    comprendre, do you, are you, vous
  `).map((word) => [word, 0.8] as const),
  ...listed(`
    what is, what are, what does, what was, how do, how to, est-ce que, how long, how far
  `).map((word) => [word, 0.3] as const),
  ...listed(`
    what, who, when, where, which, quel, quelle, quels, quelles, quand, qui a, qui est, qui sont, qui était
  `).map((word) => [word, 0.4] as const),
  ...listed(`
    please, s'il te plaît, s'il vous plaît, no, non, yes, oui, sure, great, nice, cool, super, true, really, fun, music, movie, dog, cat,
    you, tu, toi, votre, talk, friend, ami, amie, feel, content, you are, news, interesting, love, happy, recommend,
    tu as, vous êtes, je suis, i think, thanks, thank you, merci, hello, hi, hey, bonjour, salut, sorry
  `).map((word) => [word, 0.4] as const)
])

/** The share of its weight that a built-in keyword keeps. */
export const everydayWeight = (keyword: string): number => ambiguous.get(keyword) ?? 1
