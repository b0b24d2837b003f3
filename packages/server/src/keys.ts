/**
 * Keys at rest: `sha256:<hex>` stands wherever a key may be set. A key of 256 random bits cannot be guessed, so a fast
 * hash keeps it as well as a slow one would; a slow hash is for what people make up.
 */
import { createHash, randomBytes } from "node:crypto"

const hashed = /^sha256:([0-9a-f]{64})$/i

export const beginsLikeHash = (text: string): boolean => /^sha256:/i.test(text)

/** Taken for a key it would be one that everybody can read. */
export const isBrokenHash = (text: string): boolean => beginsLikeHash(text) && !hashed.test(text)

/** The SHA-256 of a key as a client sends it. */
export const keyDigest = (key: string): Buffer => createHash("sha256").update(key).digest()

/** The digest of a key that is set in the clear or as its hash. */
export const digestOfSetting = (text: string): Buffer => {
  const hex = hashed.exec(text)?.[1]
  return hex === undefined ? keyDigest(text) : Buffer.from(hex, "hex")
}

/** How a key is written into a setting so that whoever reads the setting cannot use it. */
export const keyHash = (key: string): string => `sha256:${keyDigest(key).toString("hex")}`

/** 256 random bits, with a beginning by which scanners for leaked secrets can know them. */
export const newKey = (): string => `llmr_${randomBytes(32).toString("base64url")}`
