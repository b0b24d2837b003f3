/** One setting: its name, what it accepts, its default and its line of help. */
import type { Kind } from "./settingKinds.ts"

interface CommandLine {
  readonly flag: string
  /** How `--help` names the value; a flag without one stands for `true`. */
  readonly placeholder?: string
}

export interface Setting<Name extends string, A> extends Kind<A> {
  readonly name: Name
  /** Older names that still work. */
  readonly aliases: ReadonlyArray<string>
  readonly commandLine: CommandLine | undefined
  readonly help: string
  readonly fallback: A
}

export const setting = <const Name extends string, A>(
  name: Name,
  kind: Kind<A>,
  fallback: NoInfer<A>,
  help: string,
  more: { readonly aliases?: ReadonlyArray<string>; readonly commandLine?: CommandLine } = {}
): Setting<Name, A> => ({
  ...kind,
  name,
  fallback,
  help,
  aliases: more.aliases ?? [],
  commandLine: more.commandLine
})

export const optional = <const Name extends string, A>(name: Name, kind: Kind<A>, help: string) =>
  setting<Name, A | undefined>(name, kind, undefined, help)
