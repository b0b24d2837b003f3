/** `--name value` of a trial's command line; every one has a default. */
import { parseArgs } from "node:util"

/** Whole numbers by name. Throws what `parseArgs` throws: a wrong argument ends the trial before it begins. */
export const numbersFrom = <Name extends string>(
  args: ReadonlyArray<string>,
  defaults: Readonly<Record<Name, number>>
): Readonly<Record<Name, number>> => {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" as const }]))
  const { values } = parseArgs({ args: args.filter((arg) => arg !== "--"), options })
  const numbers = Object.entries<number>(defaults).map(([name, fallback]) => {
    const given = values[name]
    const number = given === undefined ? fallback : Number(given)
    if (!Number.isSafeInteger(number) || number < 0) throw new TypeError(`--${name}: expected a whole number`)
    return [name, number]
  })
  // Every name of the defaults got its number.
  return Object.fromEntries(numbers) as Readonly<Record<Name, number>>
}
