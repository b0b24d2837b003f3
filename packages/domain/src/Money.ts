/**
 * Money is exact: integer pico-dollars (1e-12 USD), since prices per token go below a nano-dollar.
 */

/** An amount in units of 1e-12 USD. */
export type PicoDollars = bigint

export const picoDollarsPerDollar = 1_000_000_000_000n

const decimal = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * Reads a decimal amount of USD without ever making a binary fraction of it. Digits below a pico-dollar are
 * rounded half up. `undefined` for anything that is not a finite decimal of sane size.
 */
export const picoDollarsOf = (usd: string | number): PicoDollars | undefined => {
  // A number's shortest decimal form is what the sender wrote: 0.1 prints as 0.1, 5e-8 as 5e-8.
  const match = decimal.exec(typeof usd === "number" ? String(usd) : usd.trim())
  if (match === null) return undefined
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match
  const shift = 12 + Number(exponent) - fraction.length
  if (whole.length + fraction.length > 60 || shift > 60 || shift < -120) return undefined
  // What upstreams report fits a double exactly, as do its factors, and costs a tenth of the integers below.
  const small = shift >= 0 && whole.length + fraction.length <= 15 ? Number(whole + fraction) * 10 ** shift : Number.NaN
  if (Number.isSafeInteger(small)) return BigInt(sign === "-" ? -small : small)
  const digits = BigInt(whole + fraction)
  const divisor = 10n ** BigInt(Math.max(0, -shift))
  const magnitude = shift >= 0 ? digits * 10n ** BigInt(shift) : (digits + divisor / 2n) / divisor
  return sign === "-" ? -magnitude : magnitude
}

/**
 * For JSON views, where a number is expected. Sum pico-dollars first, convert last. The quotient of two exact doubles
 * is the double nearest to the amount, the same that its decimal form would be read as.
 */
export const dollarsOf = (amount: PicoDollars): number => {
  const picos = Number(amount)
  return Number.isSafeInteger(picos) ? picos / 1e12 : Number(decimalOf(amount))
}

/** The exact decimal amount in USD, for instance `0.00000015`. */
export const decimalOf = (amount: PicoDollars): string => {
  const magnitude = amount < 0n ? -amount : amount
  const whole = magnitude / picoDollarsPerDollar
  const fraction = (magnitude % picoDollarsPerDollar).toString().padStart(12, "0").replace(/0+$/, "")
  return `${amount < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`
}
