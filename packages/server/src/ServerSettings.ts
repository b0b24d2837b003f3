/** What the HTTP handlers need to know of the settings. */
import { Context } from "effect"
import type { MisspeltName } from "./misspelt.ts"
import type { Settings, SettingSources } from "./settings.ts"

export class ServerSettings extends Context.Service<
  ServerSettings,
  {
    readonly settings: Settings
    readonly sources: SettingSources
    readonly misspelt: ReadonlyArray<MisspeltName>
    readonly sandbox: boolean
    readonly maxBodyBytes: number
    readonly keepAliveMillis: number
    readonly version: string
    readonly startedAtMillis: number
  }
>()("@llm-router/server/ServerSettings") {}
