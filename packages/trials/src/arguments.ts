/** `--name value` of a trial's command line; every one has a default. */
import { parseArgs } from "node:util"

/** Whole numbers by name. A wrong argument ends the process before the trial begins; `--help` tells the names. */
export const numbersFrom = <Name extends string>(
  args: ReadonlyArray<string>,
  defaults: Readonly<Record<Name, number>>
): Readonly<Record<Name, number>> => {
  const names = Object.entries<number>(defaults)
  const end = (code: number, problem?: string): never => {
    const known = names.map(([name, fallback]) => `[--${name} ${fallback}]`).join(" ")
    process.stderr.write(`${problem === undefined ? "" : `${problem}\n`}${known}\n`)
    return process.exit(code)
  }
  const options = Object.fromEntries(names.map(([name]) => [name, { type: "string" as const }]))
  const given = args.filter((arg) => arg !== "--")
  if (given.includes("--help")) return end(0)
  try {
    const { values } = parseArgs({ args: given, options })
    const numbers = names.map(([name, fallback]) => {
      const number = values[name] === undefined ? fallback : Number(values[name])
      return Number.isSafeInteger(number) && number >= 0 ? [name, number] : end(1, `--${name}: expected a whole number`)
    })
    // Every name of the defaults got its number.
    return Object.fromEntries(numbers) as Readonly<Record<Name, number>>
  } catch (error) {
    return end(1, error instanceof Error ? error.message : String(error))
  }
}
