/**
 * The four categories that ship with the product. Chains: the first version's README.
 * Keywords are whole words or phrases, matched without regard to case and accents, in English and French.
 */
import type { Category } from "./Category.ts"

const words = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")

export const builtinCategories: ReadonlyArray<Category> = [
  {
    name: "tools",
    models: ["openrouter/aurora-alpha", "moonshotai/kimi-k2.5", "z-ai/glm-5"],
    keywords: [],
    description: "Requests that call functions or tools",
    builtin: true
  },
  {
    name: "code",
    models: ["z-ai/glm-5", "openrouter/aurora-alpha", "openai/gpt-4o-mini"],
    keywords: words(`
      code, coding, codebase, program, programming, programmer, python, javascript, typescript, java, kotlin, swift,
      rust, golang, c++, c#, php, ruby, perl, scala, haskell, bash, powershell, shell script, sql, mysql, postgres,
      sqlite, mongodb, html, css, json, yaml, xml, regex, regular expression, regexp, function, method signature,
      class, def, import, const, async, await, lambda, variable, array, string, integer, boolean, struct, enum,
      pointer, loop, recursion, algorithm, quicksort, binary search, data structure, linked list, hash map, bug,
      debug, debugging, stack trace, traceback, segfault, exception, error, compile, compiler, compilation, runtime,
      refactor, refactoring, unit test, unit tests, pytest, junit, api, rest api, endpoint, http, graphql, grpc, sdk,
      framework, library, npm, pip, pnpm, git, github, commit, pull request, merge conflict, branch, docker,
      dockerfile, kubernetes, terraform, ansible, nginx, linux, terminal, command line, script, react, vue, angular,
      svelte, django, flask, fastapi, spring, rails, node, nodejs, node.js, deno, pandas, numpy, pytorch, tensorflow,
      dataframe, backend, frontend, database, query, schema, migration, webhook, websocket, deploy, deployment,
      codez, coder, développer, développeur, programme, programmer, programmation, fonction, classe, méthode,
      variable, tableau, boucle, récursivité, algorithme, bogue, débogue, déboguer, débugger, erreur de compilation,
      compiler, compilateur, test unitaire, tests unitaires, base de données, requête sql, expression régulière,
      ligne de commande, dépôt git, script shell, refactorise, refactoriser
    `),
    description: "Writing, reading, fixing and explaining program code, queries, scripts and configuration",
    builtin: true
  },
  {
    name: "reasoning",
    models: ["openrouter/aurora-alpha", "z-ai/glm-5", "moonshotai/kimi-k2.5"],
    keywords: words(`
      why, how, how does, how do, how many, how much, explain, explanation, analyze, analyse, analysis, think, reason,
      reasoning, prove, proof, theorem, lemma, derive, math, mathematics, equation, integral, derivative, probability,
      statistics, geometry, algebra, calculate, compute, solve, solution, logic, logical, puzzle, riddle, problem,
      determine, compare, comparison, contrast, difference between, differentiate, evaluate, assess, assessment,
      trade-off, tradeoffs, pros and cons, advantages, disadvantages, implications, consequences, complex, research,
      study, understand, concept, theory, hypothesis, strategy, step by step, cause, causes, prime, irrational,
      what would happen, what if,
      pourquoi, comment, combien, explique, expliquer, expliquez, explication, analyse, analyser, analysez, raisonne,
      raisonner, raisonnement, prouve, prouver, démontre, démontrer, démonstration, théorème, mathématiques, équation,
      intégrale, dérivée, probabilité, statistiques, géométrie, algèbre, calcule, calculer, calculez, résous, résoudre,
      solution, logique, énigme, problème, détermine, déterminer, compare, comparer, comparaison, différence entre,
      évalue, évaluer, avantages, inconvénients, conséquences, recherche, étude, comprendre, concept, théorie,
      hypothèse, stratégie, étape par étape, cause, causes
    `),
    description: "Explaining, analysing, comparing, proving, calculating: questions that need several steps of thought",
    builtin: true
  },
  {
    name: "conversation",
    models: ["z-ai/glm-5", "openai/gpt-4o-mini", "openrouter/aurora-alpha"],
    keywords: words(`
      hello, hi, hey, good morning, good afternoon, good evening, good night, goodbye, bye, thanks, thank you, please,
      sorry, yes, no, ok, okay, sure, cool, great, nice, how are you, what's up, who are you, your name, tell me a joke,
      joke, chat, weather, news, favorite, favourite, weekend, happy, sad, feeling, feel, love, friend, recommend,
      reply with, say hello,
      bonjour, bonsoir, salut, coucou, bonne nuit, bonne journée, au revoir, merci, merci beaucoup, s'il te plaît,
      s'il vous plaît, désolé, désolée, oui, non, d'accord, ça va, comment vas-tu, comment ça va, comment allez-vous,
      qui es-tu, ton nom, blague, raconte-moi, météo, préféré, préférée, content, contente, triste, ami, amie
    `),
    description: "Greetings, small talk, opinions, short everyday questions and answers",
    builtin: true
  }
]

export const builtinCategoryNames: ReadonlySet<string> = new Set(
  builtinCategories.map((category) => category.name)
)
