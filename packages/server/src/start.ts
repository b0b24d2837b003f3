/** From the command line to a running server: what cannot start says why in one line. */
import { ConfigFileInvalid } from "@llm-router/domain/RouterError"
import { Cause, Effect, Exit, Layer } from "effect"
import { HttpServerError } from "effect/http"
import { readFileSync } from "node:fs"
import { serverLayer } from "./layer.ts"
import { helpText, infoAskedBy, loadSettings, SettingsError } from "./settings.ts"
import { version } from "./version.ts"

export interface Invocation {
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The contents of `.env`, where there is one. */
  readonly dotEnv: string | undefined
}

/** `.env` of the working directory; one that is not there is no fault. */
export const readDotEnv = (): string | undefined => {
  try {
    return readFileSync(".env", "utf8")
  } catch {
    return undefined
  }
}

/** What is printed for `--help` and `--version`. */
export const infoFor = (args: ReadonlyArray<string>): string | undefined => {
  const asked = infoAskedBy(args)
  return asked === undefined ? undefined : asked === "help" ? helpText : version
}

/** Runs until it is interrupted. */
export const start = (invocation: Invocation) =>
  Effect.flatMap(Effect.fromResult(loadSettings(invocation)), (loaded) => Layer.launch(serverLayer(loaded)))

const portProblems: ReadonlyMap<unknown, string> = new Map([
  ["EADDRINUSE", "the port is taken: set PORT, or stop what listens on it"],
  ["EACCES", "the port may not be used: set PORT to one above 1023"],
  ["EADDRNOTAVAIL", "HOST is no address of this machine"]
])

/** Why the process ends, for stderr; `undefined` when it was asked to. */
export const reasonToStop = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return undefined
  const error = Cause.squash(exit.cause)
  if (error instanceof SettingsError || error instanceof ConfigFileInvalid) return error.message
  if (error instanceof HttpServerError.ServeError) {
    // The cause is a Node system error, whose code may be read whatever it is.
    const { code } = error.cause as { readonly code?: unknown }
    return `The server cannot listen: ${portProblems.get(code) ?? String(code)}.`
  }
  return `The router stopped: ${error instanceof Error ? error.message : String(error)}`
}
