/**
 * Logs: one JSON line each, or readable ones on a terminal. What a line says of its request (`request_id`, `trace_id`,
 * `span_id`) stands beside its message. A secret that the process was given is never written, whoever hands it in.
 */
import { Cause, Layer, Logger, type LogLevel, Redacted, References } from "effect"
import type { Settings } from "./settings.ts"

const levels: Readonly<Record<Settings["logLevel"], LogLevel.LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  none: "None"
}

/** Shorter ones stand in too many words to be told from them. */
const shortestSecret = 6

/** Every secret of the settings; of a header also the part behind its scheme (`Bearer ...`). */
const secretsOf = (settings: Settings): ReadonlyArray<string> => {
  const headers = Object.values(
    settings.otelExporterOtlpHeaders === undefined ? {} : Redacted.value(settings.otelExporterOtlpHeaders)
  )
  const keys = [
    settings.openrouterApiKey,
    settings.routerAdminKey,
    ...settings.routerApiKeys.map(({ key }) => key)
  ].flatMap((key) => (key === undefined ? [] : [Redacted.value(key)]))
  return [...keys, ...headers, ...headers.map((value) => value.split(" ").at(-1) ?? "")]
    .filter((secret) => secret.length >= shortestSecret)
    .toSorted((one, other) => other.length - one.length)
}

/** The text without the secrets in it. */
const withoutSecrets = (settings: Settings): ((text: string) => string) => {
  const secrets = secretsOf(settings)
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text)
}

const messageOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message])
    .map((part: unknown) =>
      typeof part === "string" ? part : part instanceof Error ? String(part) : (JSON.stringify(part) ?? String(part))
    )
    .join(" ")

const jsonLine = Logger.make(({ cause, date, fiber, logLevel, message }) =>
  JSON.stringify({
    timestamp: date.toISOString(),
    level: logLevel.toUpperCase(),
    message: messageOf(message),
    ...fiber.getRef(References.CurrentLogAnnotations),
    ...(cause.reasons.length === 0 ? {} : { cause: Cause.pretty(cause) })
  })
)

export const loggingLayer = (settings: Settings) => {
  const { logFormat, logLevel } = settings
  const clean = withoutSecrets(settings)
  const terminal = Logger.consolePretty()
  const pretty = Logger.make((line) =>
    terminal.log({
      ...line,
      message: [
        clean(messageOf(line.message)),
        ...(line.cause.reasons.length === 0 ? [] : [clean(Cause.pretty(line.cause))])
      ],
      cause: Cause.empty
    })
  )
  const isPretty = logFormat === "pretty" || (logFormat === "auto" && process.stdout.isTTY)
  return Layer.mergeAll(
    Logger.layer([isPretty ? pretty : Logger.withConsoleLog(Logger.map(jsonLine, clean))]),
    Layer.succeed(References.MinimumLogLevel, levels[logLevel])
  )
}
