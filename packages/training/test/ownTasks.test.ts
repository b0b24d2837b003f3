/** Short turns after a first one: a new task is decided as it would be alone, a follow-up stays. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Dialogue, Sending } from "../src/dialogues.ts"
import { builtinCatalogue, customCatalogue, scoredTurns } from "../src/dialogueScores.ts"
import { byKeywords, shippedEmbedded } from "../src/localClassifiers.ts"

type Pair = readonly [first: string, next: string]

const newTasks: ReadonlyArray<Pair> = [
  ["Write a Python function that reverses a list.", "Tell me a joke"],
  ["Fix this: for (let i = 0; i <= list.length; i++) console.log(list[i].name)", "Translate good night to Italian"],
  ["How do I undo the last git commit?", "What is the capital of Mongolia?"],
  ["Write a regex that matches an IPv4 address", "Write a limerick about a goose"],
  ["Sort this array of objects by date in JavaScript", "Who painted The Night Watch?"],
  ["Write a SQL query for the ten best customers", "Thanks! Suggest a name for a tabby cat"],
  ["Prove that the square root of 2 is irrational.", "Tell me a bedtime story"],
  ["Dockerfile for a Node app with pnpm, please", "When did Neil Armstrong die?"],
  ["Write a bash script that renames all jpg files", "Could you give me a recipe for lentil soup?"],
  ["Écris une fonction Python qui inverse une liste.", "Raconte-moi une blague"],
  ["Pourquoi mon useEffect boucle à l'infini en React ?", "Quelle est la capitale du Portugal ?"],
  ["Corrige cette requête SQL : SELECT nom FORM clients", "Écris un poème sur la neige"],
  ["Écris un script bash qui compte les lignes de chaque fichier", "Merci ! Traduis bonne nuit en suédois"],
  ["Comment lire un fichier JSON en Rust ?", "Qui a écrit Madame Bovary ?"],
  ["Résous 2x + 5 = 17.", "Invente une histoire de pirate"],
  ["Ajoute un index à cette table Postgres : create table visites (id int, jour date)", "Propose-moi un film ce soir"],
  ["Explique cette regex : ^\\d{5}$", "Combien font 17 fois 23 ?"],
  ["Escribe una función en Python que ordene una lista", "Cuéntame un chiste"],
  ["¿Cómo hago un bucle en bash?", "¿Cuál es la capital de Bolivia?"],
  ["Schreib eine Python-Funktion, die eine Liste umdreht", "Erzähl mir einen Witz"]
]

const followUps: ReadonlyArray<Pair> = [
  ["Write a Python function that reverses a list.", "and in PowerShell?"],
  ["Write a Python function that merges two dicts.", "write a test for it"],
  ["Write a C program that counts words in a file.", "make it faster"],
  ["Why does this JavaScript throw a TypeError: null.foo", "why?"],
  ["Write a regex that matches a date", "explain it"],
  ["How do I use async and await in Rust?", "give me an example"],
  ["Set up pytest for this Python package", "How do I run the tests on Windows?"],
  ["Write a bash script that backs up a folder", "write a shorter version"],
  ["Write a Python function that parses a date", "What is the type of the result?"],
  ["Write a Java class for a bank account", "put the comments in French"],
  ["Why do some countries drive on the left?", "tell me more"],
  ["Write a TypeScript function that debounces another", "add tests"],
  ["Écris un script Python qui trie des photos par date", "plus court"],
  ["Écris une page HTML avec un formulaire de contact", "et en français ?"],
  ["Écris une fonction JavaScript qui valide une adresse mail", "écris un test"],
  ["Explique ce code Python : print([x*x for x in range(5)])", "explique la deuxième partie"],
  ["Comment supprimer les doublons d'un tableau en PHP ?", "donne-moi une autre solution"],
  ["Écris un algorithme de tri en Python", "Quelle est la complexité ?"],
  ["¿Cómo leo un archivo CSV en Python?", "dame un ejemplo"],
  ["Schreib eine SQL-Abfrage für alle offenen Rechnungen", "gib mir eine kürzere Version"]
]

const dialogueOf = ([first, next]: Pair): Dialogue => ({
  id: next,
  lang: "en",
  // What is right for them is not read here.
  turns: [first, next].map((content) => ({ role: "user", content, category: "code" }))
})

const embedded = Effect.runSync(shippedEmbedded)

/** The keyword rules know nothing of these, and the conversation goes on. */
const unknownToKeywords = ["Could you give me a recipe for lentil soup?", "¿Cuál es la capital de Bolivia?"]

describe.each([
  ["keywords, the built-in categories", byKeywords, builtinCatalogue, unknownToKeywords],
  ["keywords, four more categories", byKeywords, customCatalogue, unknownToKeywords],
  ["embedded, the built-in categories", embedded, builtinCatalogue, []],
  ["embedded, four more categories", embedded, customCatalogue, []]
] as const)("%s", (_, classifier, catalogue, missed) => {
  const secondTurns = (pairs: ReadonlyArray<Pair>, sending: Sending) =>
    Effect.map(scoredTurns(pairs.map(dialogueOf), catalogue, classifier, sending), (turns) =>
      turns.flatMap(({ category, text }, index) => (index % 2 === 1 ? [{ category, text }] : []))
    )

  it.effect.each(["stateless", "messages", "session"] as const)(
    "a task of its own is decided as if alone: %s",
    Effect.fnUntraced(function* (sending) {
      const alone = yield* secondTurns(newTasks, "alone")
      const inContext = yield* secondTurns(newTasks, sending)
      const others = inContext.filter(({ category }, index) => category !== alone[index]?.category)
      assert.deepStrictEqual(
        others.map(({ text }) => text),
        missed
      )
    })
  )

  it.effect.each(["stateless", "messages", "session"] as const)(
    "a follow-up stays: %s",
    Effect.fnUntraced(function* (sending) {
      const turns = yield* scoredTurns(followUps.map(dialogueOf), catalogue, classifier, sending)
      const left = turns.filter(({ category }, index) => index % 2 === 1 && category !== turns[index - 1]?.category)
      assert.deepStrictEqual(
        left.map(({ text }) => text),
        []
      )
    })
  )
})
