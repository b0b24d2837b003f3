/** Logs: one JSON line each, or readable ones on a terminal. */
import { Layer, Logger, type LogLevel, References } from "effect"
import type { Settings } from "./settings.ts"

const levels: Readonly<Record<Settings["logLevel"], LogLevel.LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  none: "None"
}

export const loggingLayer = ({ logFormat, logLevel }: Settings) => {
  const pretty = logFormat === "pretty" || (logFormat === "auto" && process.stdout.isTTY)
  return Layer.mergeAll(
    Logger.layer([pretty ? Logger.consolePretty() : Logger.consoleJson]),
    Layer.succeed(References.MinimumLogLevel, levels[logLevel])
  )
}
