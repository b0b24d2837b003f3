/** Protocol buffers, as far as they are needed to read OTLP: https://protobuf.dev/programming-guides/encoding/. */

interface Field {
  readonly number: number
  /** A varint or a fixed number; `0n` for bytes. */
  readonly value: bigint
  /** Length-delimited content, or the raw bytes of a fixed number. */
  readonly bytes: Buffer
}

const empty = Buffer.alloc(0)

const fieldsOf = (message: Buffer): ReadonlyArray<Field> => {
  const fields: Array<Field> = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const taken = (length: number): Buffer => message.subarray(at, (at += length))
  while (at < message.length) {
    const tag = Number(varint())
    const number = tag >>> 3
    const wire = tag & 7
    if (wire === 0) fields.push({ number, value: varint(), bytes: empty })
    else if (wire === 1) fields.push({ number, value: 0n, bytes: taken(8) })
    else if (wire === 2) fields.push({ number, value: 0n, bytes: taken(Number(varint())) })
    else if (wire === 5) fields.push({ number, value: 0n, bytes: taken(4) })
    else throw new Error(`wire type ${wire} is none of OTLP's`)
  }
  return fields
}

/** What stands under these numbers, level by level. */
export const inside = (message: Buffer, ...path: ReadonlyArray<number>): ReadonlyArray<Buffer> =>
  path.reduce<ReadonlyArray<Buffer>>(
    (messages, number) =>
      messages.flatMap((each) =>
        fieldsOf(each)
          .filter((field) => field.number === number)
          .map(({ bytes }) => bytes)
      ),
    [message]
  )

export const textIn = (message: Buffer, number: number): string => inside(message, number)[0]?.toString() ?? ""

export const hexIn = (message: Buffer, number: number): string => inside(message, number)[0]?.toString("hex") ?? ""

export const numberIn = (message: Buffer, number: number): number =>
  Number(fieldsOf(message).find((field) => field.number === number)?.value ?? 0n)
