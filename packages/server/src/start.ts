/** From the command line to a running server: what cannot start says why in one line. */
import { WeightsUnusable } from "@llm-router/router/classifiers/embedded/weights"
import { ConfigFileInvalid } from "@llm-router/domain/RouterError"
import { LedgerUnavailable, LedgerUnusable } from "@llm-router/router/CostLedger"
import { LedgerReader } from "@llm-router/router/ledger/LedgerReader"
import { Cause, Console, Effect, Exit, Layer, Schema } from "effect"
import { HttpServerError } from "effect/http"
import { isUtf8 } from "node:buffer"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { keysCommand, KeysMisused } from "./keysCommand.ts"
import { serverLayer } from "./layer.ts"
import { helpText, infoAskedBy, loadSettings, SettingsError } from "./settings.ts"
import { version } from "./version.ts"

export interface Invocation {
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The contents of `.env`, where there is one. */
  readonly dotEnv: Effect.Effect<string | undefined, SettingsError>
}

/** Something threw that nobody caught. */
export class Crashed extends Schema.TaggedError<Crashed>()("Crashed", { message: Schema.String }) {}

const dotEnvProblem = (problem: string) => new SettingsError({ problems: [`.env: ${problem}`] })

/** `.env` of the working directory. One that is not there is no fault; one that cannot be read may hold the keys. */
export const readDotEnv: Effect.Effect<string | undefined, SettingsError> = Effect.suspend(() => {
  let bytes: Buffer
  try {
    bytes = readFileSync(".env")
  } catch (error) {
    // A Node system error, whose code may be read whatever it is.
    const { code } = error as { readonly code?: unknown }
    return code === "ENOENT" ? Effect.undefined : dotEnvProblem(`cannot be read (${String(code)})`)
  }
  return isUtf8(bytes) && !bytes.includes(0)
    ? Effect.succeed(bytes.toString("utf8"))
    : dotEnvProblem("is no UTF-8 text: save it as UTF-8")
})

/** What is printed for `--help` and `--version`. */
export const infoFor = (args: ReadonlyArray<string>): string | undefined => {
  const asked = infoAskedBy(args)
  return asked === undefined ? undefined : asked === "help" ? helpText : version
}

const settingsOf = ({ args, dotEnv, env }: Invocation) =>
  Effect.flatMap(dotEnv, (text) => Effect.fromResult(loadSettings({ args, env, dotEnv: text })))

/** Runs until it is interrupted. */
const serve = (invocation: Invocation) =>
  Effect.flatMap(settingsOf(invocation), (loaded) => Layer.launch(serverLayer(loaded)))

/** `backup FILE`: writes a copy of the ledger to a new file, also while the router runs. */
const backUp = Effect.fnUntraced(function* ({ args: [, target], ...invocation }: Invocation) {
  if (target === undefined) return yield* new LedgerUnavailable({ message: "backup: name the file to write" })
  const { settings } = yield* settingsOf({ ...invocation, args: [] })
  const reader = new LedgerReader(resolve(settings.ledgerPath))
  yield* reader.ask({ _tag: "Backup", path: resolve(target) }).pipe(
    Effect.mapError((message) => new LedgerUnavailable({ message })),
    Effect.ensuring(reader.close)
  )
  yield* Console.log(`The ledger ${settings.ledgerPath} was copied to ${target}.`)
})

/** What the command line asks for. */
export const program = (
  invocation: Invocation
): Effect.Effect<void, Effect.Error<ReturnType<typeof serve | typeof backUp | typeof keysCommand>>> => {
  switch (invocation.args[0]) {
    case "backup":
      return backUp(invocation)
    case "keys":
      return keysCommand(invocation.args.slice(1))
    default:
      return serve(invocation)
  }
}

const portProblems: ReadonlyMap<unknown, string> = new Map([
  ["EADDRINUSE", "the port is taken: set PORT, or stop what listens on it"],
  ["EACCES", "the port may not be used: set PORT to one above 1023"],
  ["ENOTSUP", "this system cannot share ports: leave REUSE_PORT out"],
  ["EADDRNOTAVAIL", "HOST is no address of this machine"]
])

/** Why the process ends, for stderr; `undefined` when it was asked to. */
export const reasonToStop = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return undefined
  const error = Cause.squash(exit.cause)
  const sayItAll = [KeysMisused, SettingsError, ConfigFileInvalid, LedgerUnusable, LedgerUnavailable, WeightsUnusable]
  if (error instanceof Error && sayItAll.some((kind) => error instanceof kind)) return error.message
  if (error instanceof Crashed) return `A defect ended the process; the ledger was flushed. ${error.message}`
  if (error instanceof HttpServerError.ServeError) {
    // The cause is a Node system error, whose code may be read whatever it is.
    const { code, port } = error.cause as { readonly code?: unknown; readonly port?: unknown }
    const where = typeof port === "number" ? ` on port ${port}` : ""
    return `The server cannot listen${where}: ${portProblems.get(code) ?? String(code)}.`
  }
  return `The router stopped: ${error instanceof Error ? error.message : String(error)}`
}
