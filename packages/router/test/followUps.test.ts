import { describe, expect, it } from "vitest"
import { type Leaning, leaningOf } from "../src/followUps.ts"

const tells = (text: string): boolean => /poem|python|tradu/i.test(text)

const expected: ReadonlyArray<readonly [text: string, leaning: Leaning]> = [
  ["ok", "continuation"],
  ["👍", "continuation"],
  ["", "continuation"],
  ["why?", "continuation"],
  ["no, the other one", "continuation"],
  ["et en français ?", "continuation"],
  ["más corto, por favor", "continuation"],
  ["und auf dem Mars?", "continuation"],
  ["has any country ever switched?", "followUp"],
  ["and mention that I'd like to stay in touch with all of them", "followUp"],
  ["et si la longueur était de 16 au lieu de 12, ça change quoi pour le périmètre ?", "followUp"],
  ["a poem", "standalone"],
  ["and now in python", "standalone"],
  ["et la traduction, elle est de toi ou du dictionnaire ?", "standalone"],
  ["Why do some countries drive on the left and others on the right?", "standalone"],
  // A conjunction that only begins like one.
  ["Andrea and Sophie are looking for a flat in the centre of Turin, near the station", "standalone"],
  [`And ${"blah ".repeat(40)}`, "standalone"],
  // Tasks of their own, in each language, beside what only looks like one.
  ["Tell me a joke", "standalone"],
  ["Thanks! Could you tell me a joke?", "standalone"],
  ["tell me a joke about it", "followUp"],
  ["tell me more", "continuation"],
  ["give me an example", "continuation"],
  ["Translate hello to french", "standalone"],
  ["translate the comments to French", "followUp"],
  ["Translate to French", "continuation"],
  ["What is the capital of France?", "standalone"],
  ["what is the capital of france?", "standalone"],
  ["what is the type of the result?", "followUp"],
  ["What about Paris?", "continuation"],
  ["What is 15 % of 240?", "standalone"],
  ["what is 5 * 5 here?", "followUp"],
  ["Raconte-moi une blague", "standalone"],
  ["Tu peux me raconter une blague ?", "standalone"],
  ["raconte-la-moi autrement", "continuation"],
  ["Quelle est la capitale de l'Espagne ?", "standalone"],
  ["Quelle est la complexité ?", "continuation"],
  ["Propose-moi un film ce soir", "standalone"],
  ["écris un test unitaire", "continuation"],
  ["Cuéntame un chiste", "standalone"],
  ["Gracias. ¿Cuál es la capital de Perú?", "standalone"],
  ["dame un ejemplo con números", "followUp"],
  ["Erzähl mir einen Witz", "standalone"],
  ["Was ist die Hauptstadt von Peru?", "standalone"],
  ["Was macht die zweite Zeile genau?", "followUp"],
  ["By the way, what is a lumen?", "newTopic"],
  ["Cool. Different thing: my build fails", "newTopic"],
  ["Au fait, pourquoi la pâte rétrécit ?", "newTopic"],
  ["Autre sujet : écris-moi une requête", "newTopic"],
  ["Oye, qué calor hace hoy", "newTopic"],
  ["Übrigens, was kostet das?", "newTopic"]
]

describe("a message leans on the conversation", () => {
  it.each(expected)("%j: %s", (text, leaning) => expect(leaningOf(text, tells)).toBe(leaning))

  it.each(["a".repeat(4_000), " ".repeat(4_000), "! ".repeat(2_000), `${"x ".repeat(11)}. `.repeat(100)])(
    "and a hostile one is read at once",
    (text) => expect(["continuation", "followUp", "standalone"]).toContain(leaningOf(text, tells))
  )
})
