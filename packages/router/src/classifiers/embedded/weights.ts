/**
 * The weights of the embedded classifier: a file beside this one, written by `pnpm train:classifier`.
 * "LRW1", then the length of a JSON header (u32, little-endian), the header, and one int8 per feature and archetype.
 */
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { archetypes } from "./archetypes.ts"
import { featureCount, featureVersion, regionNames } from "./features.ts"

const magic = "LRW1"
const prefixBytes = 8

const Header = Schema.Struct({
  featureVersion: Schema.Int,
  featureCount: Schema.Int,
  archetypes: Schema.Array(Schema.String),
  /** What a weight's step is worth, by region and archetype. */
  scales: Schema.Array(Schema.Array(Schema.Finite)),
  /** One per archetype, the correction of the class priors included. */
  biases: Schema.Array(Schema.Finite),
  /** Logits are divided by it, so that a probability means what it says. */
  temperature: Schema.Finite
})
export type WeightsHeader = typeof Header.Type

export interface Weights extends WeightsHeader {
  /** By feature, then archetype. */
  readonly values: Int8Array
}

export class WeightsUnusable extends Schema.TaggedError<WeightsUnusable>()("WeightsUnusable", {
  message: Schema.String
}) {}

const decodeHeader = Schema.decodeUnknownSync(Schema.fromJsonString(Header))

export const encodeWeights = ({ values, ...header }: Weights): Buffer => {
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(prefixBytes)
  prefix.write(magic, "latin1")
  prefix.writeUInt32LE(json.length, magic.length)
  return Buffer.concat([prefix, json, Buffer.from(values.buffer, values.byteOffset, values.byteLength)])
}

const noWeights = () => new WeightsUnusable({ message: "The embedded classifier's weights are not a weights file." })

const decode = (bytes: Buffer): Weights => {
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic || bytes.length < prefixBytes) throw noWeights()
  const end = prefixBytes + bytes.readUInt32LE(magic.length)
  const header = decodeHeader(bytes.subarray(prefixBytes, end).toString())
  const fits =
    header.featureVersion === featureVersion &&
    header.featureCount === featureCount &&
    header.archetypes.join() === archetypes.join() &&
    header.scales.length === regionNames.length &&
    bytes.length === end + featureCount * archetypes.length
  if (!fits) {
    throw new WeightsUnusable({
      message:
        `The embedded classifier's weights are for ${header.featureCount} features of version ${header.featureVersion}, ` +
        `not for ${featureCount} of version ${featureVersion}: train them again (pnpm train:classifier).`
    })
  }
  return { ...header, values: new Int8Array(bytes.buffer, bytes.byteOffset + end, bytes.length - end) }
}

/** Fails for a file that is none, or that was trained for other features than this version's. */
export const decodeWeights = (bytes: Buffer): Effect.Effect<Weights, WeightsUnusable> =>
  Effect.try({
    try: () => decode(bytes),
    catch: (error) => (error instanceof WeightsUnusable ? error : noWeights())
  })

export const weightsFile = new URL("weights.bin", import.meta.url)

export const readWeights: Effect.Effect<Weights, WeightsUnusable> = Effect.suspend(() =>
  decodeWeights(readFileSync(weightsFile))
)
