/** Bytes that come in pieces. A small piece takes more than a hundred bytes beside its own: many are put together. */

const smallBytes = 4_096
const mostSmall = 256

export class Pieces {
  readonly #parts: Array<Buffer> = []
  #small: Array<Buffer> = []

  add(piece: Buffer): void {
    if (piece.length < smallBytes && this.#small.length < mostSmall) {
      this.#small.push(piece)
      return
    }
    this.#join()
    this.#parts.push(piece)
  }

  #join(): void {
    if (this.#small.length > 0) this.#parts.push(Buffer.concat(this.#small))
    this.#small = []
  }

  /** All that came, in one piece. */
  whole(): Buffer {
    this.#join()
    const [first, second] = this.#parts
    return first !== undefined && second === undefined ? first : Buffer.concat(this.#parts)
  }
}
