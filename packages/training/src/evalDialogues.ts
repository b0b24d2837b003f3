/**
 * `pnpm eval:dialogues`: the share of turns with the right category, with and without the conversation's context.
 * `--wrong` lists the turns that are wrong with it.
 */
import { Console, Effect } from "effect"
import { dialogues, type Sending } from "./dialogues.ts"
import {
  builtinCatalogue,
  type Catalogue,
  customCatalogue,
  type LocalClassifier,
  type ScoredTurn,
  scoredTurns
} from "./dialogueScores.ts"
import { byKeywords, shippedEmbedded } from "./localClassifiers.ts"

const catalogues: ReadonlyArray<readonly [Catalogue, string]> = [
  [builtinCatalogue, "the built-in categories"],
  [customCatalogue, "four more categories"]
]

const sendings: ReadonlyArray<readonly [Sending, string]> = [
  ["alone", "without context"],
  ["stateless", "messages, nothing remembered"],
  ["session", "session id, no messages"],
  ["messages", "messages and memory"]
]

const percent = (turns: ReadonlyArray<ScoredTurn>): string => {
  const right = turns.filter(({ category, expected }) => category === expected).length
  return `${((100 * right) / turns.length).toFixed(1)} %`.padStart(8)
}

const sum = (turns: ReadonlyArray<ScoredTurn>, count: (turn: ScoredTurn) => number): number =>
  turns.reduce((total, turn) => total + count(turn), 0)

const listsWrong = process.argv.includes("--wrong")

const report = Effect.fnUntraced(function* (catalogue: Catalogue, classifier: LocalClassifier) {
  for (const [sending, title] of sendings) {
    const turns = yield* scoredTurns(dialogues, catalogue, classifier, sending)
    const first = turns.filter(({ isFirst }) => isFirst)
    const later = turns.filter(({ isFirst }) => !isFirst)
    const loops = `${sum(turns, ({ switches }) => switches)} of ${sum(turns, ({ toolRequests }) => toolRequests)}`
    yield* Console.log(`  ${title.padEnd(30)}${percent(turns)}${percent(first)}${percent(later)}  ${loops}`)
    if (sending !== "messages" || !listsWrong) continue
    for (const { category, dialogue, expected, reasons, text } of turns) {
      if (category === expected) continue
      yield* Console.log(`    ${dialogue} ${expected}, not ${category}: ${text} (${reasons.join("; ")})`)
    }
  }
})

await Effect.runPromise(
  Effect.gen(function* () {
    yield* Console.log("Right turns: of all, of the first ones, of the later ones; switches in tool loops.")
    for (const classifier of [byKeywords, yield* shippedEmbedded]) {
      for (const [catalogue, title] of catalogues) {
        yield* Console.log(`${classifier.source}, ${title}`)
        yield* report(catalogue, classifier)
      }
    }
  })
)
