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
      code, codes, coding, codebase, program, programming, programmer, python, javascript, typescript, java,
      kotlin, swift, rust, golang, c++, c#, php, ruby, perl, scala, haskell, matlab, vba, bash, powershell,
      shell script, sql, mysql, postgres, postgresql, sqlite, mongodb, oracle, html, css, json, yaml, xml, regex,
      regular expression, regexp, function, method, class, def, import, const, async, await, lambda, variable,
      array, tuple, string, strings, integer, boolean, struct, enum, for loop, while loop, loop, recursion,
      recursive, algorithm, quicksort, binary search, data structure, linked list, hash map, return value,
      assert, assertion, bug, debug, debugging, stack trace, traceback, segfault, exception, error,
      error message, compile, compiler, runtime, refactor, refactoring, unit test, pytest, junit, api, apis,
      rest api, endpoint, http, graphql, grpc, sdk, framework, library, plugin, npm, pip, pnpm, git, svn, github,
      commit, pull request, merge conflict, branch, docker, dockerfile, kubernetes, terraform, ansible, nginx,
      apache, linux, ubuntu, ssh, terminal, command line, script, react, vue, angular, svelte, jquery, ajax,
      django, flask, fastapi, spring, spring boot, rails, hibernate, linq, .net, asp.net, node.js, nodejs, node,
      deno, pandas, numpy, pytorch, tensorflow, dataframe, wordpress, drupal, magento, visual studio,
      eclipse, excel, spreadsheet, latex, qt, backend, frontend, website, web page, database, query, schema,
      migration, webhook, websocket, server, deploy, deployment, file, files, module, parse, parser, codez,
      développeur, programmation, fonction, classe, méthode, programme, tableau, boucle, récursivité, algorithme,
      bogue, déboguer, débugger, compilateur, test unitaire, base de données, requête, expression régulière,
      ligne de commande, dépôt git, refactoriser, fichier
    `),
    description: "Writing, reading, fixing and explaining program code, queries, scripts and configuration",
    builtin: true
  },
  {
    name: "reasoning",
    models: ["openrouter/aurora-alpha", "z-ai/glm-5", "moonshotai/kimi-k2.5"],
    keywords: words(`
      why, how, how does, how do, how to, how many, how much, how long, how far, explain, explanation, analyze,
      analysis, think, reason, reasoning, prove, proof, theorem, lemma, derive, math, maths, mathematics,
      equation, integral, derivative, probability, statistics, geometry, algebra, calculate, compute, solve,
      solution, logic, logical, puzzle, riddle, problem, determine, compare, comparison, contrast,
      difference between, differentiate, evaluate, assess, assessment, trade-off, tradeoffs, pros and cons,
      advantages, disadvantages, implications, consequences, complex, research, study, understand, concept,
      theory, hypothesis, strategy, step by step, cause, causes, prime, irrational, percent, average, total,
      equals, divided by, multiplied by, square root, area, radius, volume, speed, each, what would happen,
      what if, what is, what are, what does, what was, what happens, which, which of the following, most likely,
      least likely, who, when, when did, when was, where, where is, what, best way, describe, definition,
      meaning of, history of, give me a list, recipe, example of, population, capital of, invented, discovered,
      pourquoi, comment, combien, explique, expliquer, expliquez, explication, analyse, analyser, analysez,
      raisonne, raisonner, raisonnement, prouve, prouver, prouvez, démontre, démontrer, démonstration, théorème,
      mathématiques, intégrale, dérivée, probabilité, statistiques, géométrie, algèbre, calcule, calculer,
      calculez, résous, résoudre, logique, énigme, problème, déterminer, comparer, comparaison, différence entre,
      différence, évalue, évaluer, avantages, inconvénients, recherche, étude, comprendre, théorie, hypothèse,
      stratégie, étape par étape, moyenne, chaque, fois plus, moitié, par jour, par semaine, est-ce que,
      qu'est-ce que, qu'est-ce qu, quel, quelle, quels, quelles, quand, où est, où sont, où se, où trouver, qui a, qui est, qui sont, qui était, faut-il, peut-on,
      existe-t-il, décris, à quoi sert, que signifie
    `),
    description: "Explaining, analysing, comparing, proving, calculating: questions that need several steps of thought",
    builtin: true
  },
  {
    name: "conversation",
    models: ["z-ai/glm-5", "openai/gpt-4o-mini", "openrouter/aurora-alpha"],
    keywords: words(`
      hello, hi, hey, yo, good morning, good afternoon, good evening, good night, goodbye, bye, see you, thanks,
      thank you, please, sorry, yes, yeah, yep, no, nope, ok, okay, sure, cool, great, nice, awesome, wow, haha,
      lol, how are you, how's it going, how is it going, how old are you, how do you do, how do you feel,
      how was your day, how are things, what's up, what is up, who are you, what are you, where are you,
      what do you, your name, tell me a joke, tell me something, joke, chat, chatting, talk, weather, news,
      favorite, favourite, weekend, happy, sad, feeling, feel, love, hobbies, pets, fun, friend, recommend,
      reply with, say hello, nice to meet you, talk to you, i think, i like, i love, i agree, do you, did you,
      are you, were you, have you, would you like, can you speak, you are, you're, you, your, yourself,
      what did you, why are you, why do you, where do you, interesting, funny, bored, boring, tired, fun fact,
      did you know, movie, music, dog, cat, really, true, not really, how do you say,
      bonjour, bonsoir, salut, coucou, bonne nuit, bonne journée, bonne soirée,
      au revoir, à bientôt, à demain, merci, merci beaucoup,
      s'il te plaît, s'il vous plaît, désolé, désolée, oui, non, d'accord, ça va, comment vas-tu, comment ça va,
      comment allez-vous, comment t'appelles-tu, comment tu t'appelles, quel âge as-tu, quel est ton,
      quelle est ta, quels sont tes, qui es-tu, qui êtes-vous, es-tu, as-tu, êtes-vous, avez-vous, tu es, tu as,
      vous êtes, peux-tu parler, tu, toi, ton, ta, tes, vous, votre, t'aime, je t'aime, je suis, j'aime,
      comment dit-on, comment on dit, que fais-tu, pourquoi tu, d'où viens-tu, où habites-tu, pourquoi es-tu, blague,
      raconte-moi, météo, préféré, préférée, content, contente, triste, ennuie, ami, amie, génial, super, rigolo,
      drôle, bravo
    `),
    description: "Greetings, small talk, opinions, short everyday questions and answers",
    builtin: true
  }
]

export const builtinCategoryNames: ReadonlySet<string> = new Set(builtinCategories.map((category) => category.name))
