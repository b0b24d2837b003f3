/** Requests of one connection, as far as the upstream of a run needs to read them: the path and the body. */

const headEnd = Buffer.from("\r\n\r\n")
const lastChunk = Buffer.from("0\r\n\r\n")

export class RequestReader {
  readonly #onRequest: (path: string, body: Buffer) => void
  #pending: Buffer | undefined

  constructor(onRequest: (path: string, body: Buffer) => void) {
    this.#onRequest = onRequest
  }

  read(bytes: Buffer): void {
    let rest = this.#pending === undefined ? bytes : Buffer.concat([this.#pending, bytes])
    while (rest.length > 0) {
      const end = rest.indexOf(headEnd)
      if (end < 0) break
      const head = rest.toString("latin1", 0, end)
      const start = end + headEnd.length
      const length = bodyLength(head, rest, start)
      if (length === undefined || rest.length < start + length) break
      this.#onRequest(head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/")), rest.subarray(start, start + length))
      rest = rest.subarray(start + length)
    }
    this.#pending = rest.length === 0 ? undefined : rest
  }
}

/** `undefined` while a chunked body has no end; its chunks are not taken apart. */
const bodyLength = (head: string, bytes: Buffer, start: number): number | undefined => {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return Number(length)
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return 0
  const last = bytes.indexOf(lastChunk, start)
  return last < 0 ? undefined : last + lastChunk.length - start
}
