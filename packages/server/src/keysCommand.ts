/** `keys new ID` and `keys hash [ID]`: client keys without a plaintext at rest. */
import { Console, Effect, Schema } from "effect"
import { keyHash, newKey } from "./keys.ts"
import { isKeyId, secret } from "./settingKinds.ts"

/** The command line, or what stands on stdin, is not what `keys` takes. */
export class KeysMisused extends Schema.TaggedError<KeysMisused>()("KeysMisused", { message: Schema.String }) {}

const usage = "keys: use `keys new ID`, or `keys hash [ID]` with the key on stdin"
/** A key has 512 characters at most; what is longer was piped here by mistake. */
const longestInput = 4_096

const firstLineOfStdin: Effect.Effect<string, KeysMisused> = Effect.tryPromise({
  try: async () => {
    let text = ""
    for await (const piece of process.stdin) {
      text += String(piece)
      if (text.includes("\n") || text.length > longestInput) break
    }
    return (text.split("\n")[0] ?? "").trim()
  },
  catch: () => new KeysMisused({ message: "keys: stdin cannot be read" })
})

const idOf = (id: string | undefined): Effect.Effect<string, KeysMisused> =>
  id !== undefined && isKeyId(id)
    ? Effect.succeed(id)
    : Effect.fail(new KeysMisused({ message: "keys: an id has 1 to 64 letters, digits, _, . or -" }))

const hash = Effect.fnUntraced(function* (id: string | undefined) {
  const prefix = id === undefined ? "" : `${yield* idOf(id)}:`
  // Never an argument: those are in the shell's history and in the list of processes.
  if (process.stdin.isTTY) yield* Console.error("The key, then Enter:")
  const key = yield* firstLineOfStdin
  if (secret.parse(key)._tag === "None") {
    return yield* new KeysMisused({ message: `keys: the key on stdin must be ${secret.accepts}` })
  }
  yield* Console.log(`${prefix}${keyHash(key)}`)
})

const make = Effect.fnUntraced(function* (given: string | undefined) {
  const id = yield* idOf(given)
  const key = newKey()
  yield* Console.log(
    [
      `Key, for the client; it is shown this once:  ${key}`,
      `Entry of ROUTER_API_KEYS:                    ${id}:${keyHash(key)}`
    ].join("\n")
  )
})

export const keysCommand = (args: ReadonlyArray<string>): Effect.Effect<void, KeysMisused> => {
  const [action, id, ...rest] = args
  if (rest.length > 0) return new KeysMisused({ message: usage })
  if (action === "new") return make(id)
  return action === "hash" ? hash(id) : new KeysMisused({ message: usage })
}
