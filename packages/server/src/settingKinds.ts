/**
 * The kinds of values that settings take: each says what it accepts and parses it.
 */
import { isCategoryName, isModelId } from "@llm-router/domain/Category"
import { Option, Redacted } from "effect"
import { isIP } from "node:net"
import { beginsLikeHash, isBrokenHash } from "./keys.ts"

/** What a setting accepts: in words, for `--help` and errors, and as a parser of its trimmed, non-empty text. */
export interface Kind<A> {
  readonly accepts: string
  readonly parse: (text: string) => Option.Option<A>
  readonly secret: boolean
}

/** One key of `ROUTER_API_KEYS`; `id` is what logs and the ledger show. */
export interface ClientKey {
  readonly id: string
  /** In the clear, or as its hash. */
  readonly key: Redacted.Redacted
}

const where = <A>(value: A, holds: boolean): Option.Option<A> => (holds ? Option.some(value) : Option.none())

export const integer = (min: number, max: number): Kind<number> => ({
  accepts: `an integer from ${min} to ${max}`,
  parse: (text) => where(Number(text), /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max),
  secret: false
})

export const fraction: Kind<number> = {
  accepts: "a number from 0 to 1",
  parse: (text) => where(Number(text), /^(?:0?\.\d{1,9}|[01](?:\.\d{1,9})?)$/.test(text) && Number(text) <= 1),
  secret: false
}

export const oneOf = <const A extends string>(...values: ReadonlyArray<A>): Kind<A> => ({
  accepts: `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`,
  parse: (text) => Option.fromNullishOr(values.find((value) => value === text.toLowerCase())),
  secret: false
})

/** A share, 0 to 1. */
export const share: Kind<number> = {
  accepts: "a number from 0 to 1",
  parse: (text) => where(Number(text), /^\d*\.?\d+$/.test(text) && Number(text) <= 1),
  secret: false
}

/** `name=value` pairs, percent-encoded, as the OpenTelemetry specification has them; `undefined` for what is none. */
const pairsOf = (text: string): ReadonlyArray<readonly [name: string, value: string]> | undefined => {
  const pairs: Array<readonly [string, string]> = []
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const equals = pair.indexOf("=")
    const name = pair.slice(0, Math.max(0, equals)).trim()
    const value = pair.slice(equals + 1).trim()
    if (name === "" || /[^!-~]/.test(name) || /%(?![0-9A-Fa-f]{2})/.test(value)) return undefined
    try {
      pairs.push([name, decodeURIComponent(value)])
    } catch {
      return undefined
    }
  }
  return pairs
}

export const attributePairs: Kind<string> = {
  accepts: "name=value pairs, comma-separated, values percent-encoded",
  parse: (text) => where(text, pairsOf(text) !== undefined),
  secret: false
}

/** The pairs of a text that `attributePairs` took. */
export const recordOf = (text: string): Readonly<Record<string, string>> => Object.fromEntries(pairsOf(text) ?? [])

/** Header values carry tokens. */
export const headerPairs: Kind<Redacted.Redacted<Readonly<Record<string, string>>>> = {
  accepts: "header=value pairs, comma-separated, values percent-encoded",
  parse: (text) => {
    const pairs = pairsOf(text)
    const isHeader = ([name, value]: readonly [string, string]) =>
      /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[ -~]*$/.test(value)
    return where(Redacted.make(Object.fromEntries(pairs ?? [])), pairs?.every(isHeader) === true)
  },
  secret: true
}

/** Names of a closed set, comma-separated. */
export const someOf = (...values: ReadonlyArray<string>): Kind<string> => ({
  accepts: `${values.join(", ")}, or several of them, comma-separated`,
  parse: (text) => {
    const names = text.split(",").map((name) => name.trim().toLowerCase())
    return where(
      names.join(","),
      names.every((name) => values.includes(name))
    )
  },
  secret: false
})

const truthOf: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["false", false],
  ["0", false],
  ["no", false]
])

export const boolean: Kind<boolean> = {
  accepts: "true or false (also 1, 0, yes, no)",
  parse: (text) => Option.fromNullishOr(truthOf.get(text.toLowerCase())),
  secret: false
}

const text = (accepts: string, holds: (text: string) => boolean): Kind<string> => ({
  accepts,
  parse: (value) => where(value, holds(value)),
  secret: false
})

export const modelId = text("a model id of the form provider/model", isModelId)
export const categoryName = text("a category name: a-z, then a-z, 0-9, _ or -", isCategoryName)
export const ollamaModel = text("a model name without spaces", (value) => /^[\w.:/@-]{1,200}$/.test(value))
export const filePath = text("a file path", (value) => !value.includes("\0"))
export const headerText = text("up to 200 printable ASCII characters", (value) => /^[ -~]{1,200}$/.test(value))

export const baseUrl: Kind<string> = {
  accepts: "an http:// or https:// URL without user, password, query or fragment",
  parse: (value) => {
    if (!/^https?:\/\//i.test(value) || /[?#@\s]/.test(value) || !URL.canParse(value)) return Option.none()
    const url = new URL(value)
    return Option.some(`${url.origin}${url.pathname}`.replace(/\/+$/, ""))
  },
  secret: false
}

export const host: Kind<string> = {
  accepts: "an IP address or a host name",
  parse: (value) => {
    const bare = value.replace(/^\[(.*)\]$/, "$1")
    return where(bare, isIP(bare) !== 0 || /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/i.test(bare))
  },
  secret: false
}

/** A quote at an end is what is left of a line of `.env` whose quotes are not closed. */
const isToken = (value: string): boolean => /^(?!["'`])[!-~]{1,512}(?<!["'`])$/.test(value)

export const secret: Kind<Redacted.Redacted> = {
  accepts: "printable ASCII characters without spaces, no quote at an end",
  parse: (value) => where(Redacted.make(value), isToken(value)),
  secret: true
}

export const secretOrHash: Kind<Redacted.Redacted> = {
  ...secret,
  accepts: `${secret.accepts}, or sha256: and 64 hex digits`,
  parse: (value) => where(Redacted.make(value), isToken(value) && !isBrokenHash(value))
}

/** A number for every key, and others for some. */
export interface KeyedLimit {
  /** `undefined`: keys that are not named have no limit. */
  readonly everyone: number | undefined
  readonly byKey: ReadonlyMap<string, number | "off">
  /** As it was written. */
  readonly text: string
}

/** Such as `60`, `60,alice=600,bob=off` or `alice=600`. */
export const keyedLimit = (what: string, accepted: (value: number) => boolean): Kind<KeyedLimit> => ({
  accepts: `${what}, for single keys too: 60, or 60,alice=600,bob=off`,
  parse: (value) => {
    const byKey = new Map<string, number | "off">()
    let everyone: number | undefined
    for (const [index, entry] of value.split(",").entries()) {
      const [, id, amount = ""] = /^(?:([\w.-]{1,64})=)?(off|\d{1,9}(?:\.\d{1,9})?)$/.exec(entry.trim()) ?? []
      const limit = amount === "off" ? amount : Number(amount)
      if (amount === "" || (limit !== "off" && !accepted(limit))) return Option.none()
      if (id === undefined) {
        if (index > 0 || limit === "off") return Option.none()
        everyone = limit
      } else {
        if (byKey.has(id)) return Option.none()
        byKey.set(id, limit)
      }
    }
    return Option.some({ everyone, byKey, text: value })
  },
  secret: false
})

/** A name for a key that can stand in a log line, a header and a column of the ledger. */
export const isKeyId = (id: string): boolean => /^[\w.-]{1,64}$/.test(id)

export const clientKeys: Kind<ReadonlyArray<ClientKey>> = {
  accepts:
    "comma-separated keys, each id:key, id:sha256:<64 hex digits> or a bare key without spaces, no quote at an end, no id and no key twice",
  parse: (value) => {
    const entries = value.split(",").map((entry) => entry.trim())
    const pairs = entries
      .filter((entry) => entry !== "")
      .map((entry, index): readonly [id: string, key: string] => {
        const colon = beginsLikeHash(entry) ? -1 : entry.indexOf(":")
        return colon < 0 ? [`key-${index + 1}`, entry] : [entry.slice(0, colon), entry.slice(colon + 1)]
      })
    const isDistinct = (values: ReadonlyArray<string>) => new Set(values).size === values.length
    return where(
      pairs.map(([id, key]): ClientKey => ({ id, key: Redacted.make(key) })),
      pairs.length > 0 &&
        pairs.every(([id, key]) => isKeyId(id) && isToken(key) && !isBrokenHash(key)) &&
        isDistinct(pairs.map(([id]) => id)) &&
        isDistinct(pairs.map(([, key]) => key))
    )
  },
  secret: true
}
