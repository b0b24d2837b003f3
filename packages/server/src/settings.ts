/**
 * The settings that the process runs under, read once at start: command line over environment over `.env` over defaults.
 */
import { anonymous } from "@llm-router/domain/ChatRequest"
import { Option, Result, Schema } from "effect"
import { parseEnv } from "node:util"
import { isLoopback } from "./loopback.ts"
import { type MisspeltName, misspeltIn } from "./misspelt.ts"
import type { Setting } from "./setting.ts"
import type { KeyedLimit } from "./settingKinds.ts"
import { settingsTable } from "./settingsTable.ts"

type Table = typeof settingsTable

/** Each setting under its name in camel case, with `MS` written `Millis`. */
export type Settings = { readonly [Key in keyof Table]: Table[Key]["fallback"] }
type SettingName = Table[keyof Table]["name"]
type SettingSource = "default" | "environment" | ".env" | "argument"
export type SettingSources = Readonly<Record<SettingName, SettingSource>>

export interface LoadedSettings {
  readonly settings: Settings
  readonly sources: SettingSources
  /** Names that are like a setting's and are none. */
  readonly misspelt: ReadonlyArray<MisspeltName>
}

/** Every setting and argument that is wrong, each in one line that shows no secret. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.problems.join("\n")
  }
}

const definitions: ReadonlyArray<readonly [key: string, setting: Setting<SettingName, unknown>]> =
  Object.entries(settingsTable)

/** Every name that a setting has. */
const knownNames = definitions.flatMap(([, { aliases, name }]) => [name, ...aliases])

// ---- reading ----

interface Given {
  readonly text: string
  readonly source: SettingSource
}

/** A wrong value as an error shows it: a key pasted in the wrong place, or in a URL, stays hidden. */
const quoted = (text: string): string => {
  const masked = text
    .replace(/\/\/[^/]*@/g, "//***@")
    .replace(/\?.*$/s, "?***")
    .replace(/\bsk-[\w-]+/g, "sk-***")
  return JSON.stringify(masked.length > 100 ? `${masked.slice(0, 100)}...` : masked)
}

/** What the arguments set, by setting. `--help` and `--version` are `infoAskedBy`'s; here they only count as known. */
const argumentValues = (args: ReadonlyArray<string>) => {
  const values = new Map<SettingName, string>()
  const problems: Array<string> = []
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    // pnpm hands its own `--` on.
    if (arg === "--" || infoAskedBy([arg]) !== undefined) continue
    const [flag = "", ...inline] = arg.split("=")
    const setting = definitions.find(([, candidate]) => candidate.commandLine?.flag === flag)?.[1]
    if (setting?.commandLine === undefined) {
      problems.push(`unknown argument ${quoted(flag)}: see --help`)
    } else if (setting.commandLine.placeholder === undefined) {
      if (inline.length === 0) values.set(setting.name, "true")
      else problems.push(`${flag}: takes no value`)
    } else {
      const value = inline.length > 0 ? inline.join("=") : rest.shift()
      if (value === undefined || value.trim() === "") problems.push(`${flag}: expected ${setting.accepts} after it`)
      else values.set(setting.name, value.trim())
    }
  }
  return { values, problems }
}

/** The first of a setting's names that has a value; an empty one counts as unset. */
const valueIn = (
  variables: Readonly<Record<string, string | undefined>>,
  setting: Setting<SettingName, unknown>
): string | undefined =>
  [setting.name, ...setting.aliases].map((name) => variables[name]?.trim()).find((value) => value)

/** What is wrong with settings that are each right by themselves. */
const conflictsIn = (settings: Settings, isRight: (...names: ReadonlyArray<SettingName>) => boolean) => {
  const isExposed =
    isRight("HOST", "ROUTER_API_KEYS", "ROUTER_ALLOW_ANONYMOUS") &&
    !isLoopback(settings.host) &&
    settings.routerApiKeys.length === 0 &&
    !settings.routerAllowAnonymous
  const exposed = isExposed
    ? [
        `HOST: got ${quoted(settings.host)}, which other machines can reach, and there are no client keys: ` +
          "set ROUTER_API_KEYS so that clients need one, or ROUTER_ALLOW_ANONYMOUS=true to serve everyone"
      ]
    : []
  return isRight("ROUTER_API_KEYS") ? [...exposed, ...limitsOfNobody(settings)] : exposed
}

/** A limit for a key that does not exist is one for a key that was mistyped. */
const limitsOfNobody = (settings: Settings): ReadonlyArray<string> => {
  const ids = new Set([...settings.routerApiKeys.map(({ id }) => id), anonymous])
  const limits: ReadonlyArray<readonly [name: SettingName, limit: KeyedLimit | undefined]> = [
    ["RATE_LIMIT_REQUESTS_PER_MINUTE", settings.rateLimitRequestsPerMinute],
    ["BUDGET_USD_PER_DAY", settings.budgetUsdPerDay]
  ]
  return limits.flatMap(([name, limit]) =>
    [...(limit?.byKey.keys() ?? [])].flatMap((id) =>
      ids.has(id) ? [] : [`${name}: got ${quoted(id)}, expected the id of a key of ROUTER_API_KEYS`]
    )
  )
}

export const loadSettings = (from: {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The contents of the `.env` file. */
  readonly dotEnv?: string | undefined
  readonly args: ReadonlyArray<string>
}): Result.Result<LoadedSettings, SettingsError> => {
  const dotEnv = parseEnv((from.dotEnv ?? "").replace(/^\uFEFF/, ""))
  const { values: args, problems } = argumentValues(from.args)
  const loaded: Record<string, unknown> = {}
  const sources: Record<string, SettingSource> = {}
  const wrong = new Set<SettingName>()
  for (const [key, setting] of definitions) {
    const candidates: ReadonlyArray<{ readonly text: string | undefined; readonly source: SettingSource }> = [
      { text: args.get(setting.name), source: "argument" },
      { text: valueIn(from.env, setting), source: "environment" },
      { text: valueIn(dotEnv, setting), source: ".env" }
    ]
    const given = candidates.find((candidate): candidate is Given => candidate.text !== undefined)
    const parsed = given === undefined ? Option.some(setting.fallback) : setting.parse(given.text)
    if (given !== undefined && Option.isNone(parsed)) {
      const got = setting.secret ? "a value that is not shown" : quoted(given.text)
      problems.push(`${setting.name}: got ${got}, expected ${setting.accepts}`)
      wrong.add(setting.name)
    }
    loaded[key] = Option.getOrElse(parsed, () => setting.fallback)
    sources[setting.name] = given?.source ?? "default"
  }
  // The loop gave every key of the table a value of its own setting, which the types of a loop cannot say.
  const result = {
    settings: loaded,
    sources,
    misspelt: misspeltIn({ environment: Object.keys(from.env), dotEnv: Object.keys(dotEnv) }, knownNames)
  } as unknown as LoadedSettings
  problems.push(...conflictsIn(result.settings, (...names) => !names.some((name) => wrong.has(name))))
  return problems.length > 0 ? Result.fail(new SettingsError({ problems })) : Result.succeed(result)
}

/** Whether the command line asks for information instead of a server; this comes before any check of settings. */
export const infoAskedBy = (args: ReadonlyArray<string>): "help" | "version" | undefined => {
  if (args.includes("--help") || args.includes("-h")) return "help"
  return args.includes("--version") ? "version" : undefined
}

// ---- showing ----

/** A default as one would write it; empty for a setting that has none. */
const shownDefault = (setting: Setting<SettingName, unknown>): string =>
  setting.fallback === undefined || setting.secret ? "" : String(setting.fallback)

const describe = (setting: Setting<SettingName, unknown>): string => {
  const olderNames = setting.aliases.length === 0 ? "" : `; older name ${setting.aliases.join(", ")}`
  return `${setting.help} (${setting.accepts}${olderNames})`
}

const optionLines: ReadonlyArray<readonly [option: string, help: string]> = [
  ...definitions.flatMap(([, { commandLine, help, name }]): ReadonlyArray<readonly [string, string]> => {
    if (commandLine === undefined) return []
    const value = commandLine.placeholder === undefined ? "" : ` ${commandLine.placeholder}`
    return [[`${commandLine.flag}${value}`, `${help} (the setting ${name})`]]
  }),
  ["--version", "Print the version"],
  ["--help", "Print this text"]
]

export const helpText = [
  "LLM Router: one OpenAI-compatible endpoint that sends each request to the right model on OpenRouter.",
  "",
  "Usage: pnpm start [options]",
  "       pnpm backup FILE     writes a copy of the ledger, also while the router runs",
  "       pnpm router keys new ID     makes a client key, and its hash for ROUTER_API_KEYS",
  "       pnpm router keys hash ID    hashes the key on stdin for ROUTER_API_KEYS; without ID for ROUTER_ADMIN_KEY",
  "",
  ...optionLines.map(([option, help]) => `  ${option.padEnd(12)}${help}`),
  "",
  "Settings, from the environment or from .env in the working directory (arguments win, then the environment):",
  "",
  ...definitions.flatMap(([, setting]) => [
    `  ${setting.name}${shownDefault(setting) === "" ? "" : `=${shownDefault(setting)}`}`,
    `      ${describe(setting)}`
  ]),
  ""
].join("\n")

/** The text of `.env.example`: a line that explains each setting, then the setting with its default, commented out. */
export const envExample = [
  "# Settings of LLM Router. Copy this file to .env and uncomment what you change.",
  "# Generated from packages/server/src/settingsTable.ts: `pnpm test settings -u` writes it anew.",
  ...definitions.flatMap(([, setting]) => {
    const value = shownDefault(setting)
    return ["", `# ${describe(setting)}`, `# ${setting.name}=${value.includes(" ") ? `"${value}"` : value}`]
  }),
  ""
].join("\n")

interface SettingView {
  /** Null where nothing is set and there is no default; of a secret only whether it is set. */
  readonly value: string | number | boolean | null
  readonly source: SettingSource
}

const shownValue = (value: unknown): SettingView["value"] => {
  if (isKeyedLimit(value)) return value.text
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string" ? value : null
}

const isKeyedLimit = (value: unknown): value is KeyedLimit =>
  typeof value === "object" && value !== null && "byKey" in value && "text" in value

/** The settings in force and where each came from, by name, as `GET /config` shows them. */
export const settingsView = (settings: Settings, sources: SettingSources): Readonly<Record<string, SettingView>> => {
  const values: Readonly<Record<string, unknown>> = settings
  return Object.fromEntries(
    definitions.map(([key, { name, secret }]): readonly [string, SettingView] => {
      const source = sources[name]
      // A secret has no default: it is set exactly if someone set it.
      const value = secret ? (source === "default" ? "unset" : "set") : shownValue(values[key])
      return [name, { value, source }]
    })
  )
}
