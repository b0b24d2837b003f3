/** Writes text as UTF-8 into memory that grows. Numbers are written digit by digit, without a string for each. */

const [zero, minus, point] = [48, 45, 46]
const encoder = new TextEncoder()
/** No number here is longer. */
const mostDigits = 32
/** Below this the remainders that give the digits are of 32-bit integers, which is several times as fast. */
const smallIntegers = 0x7fffffff

export class TextWriter {
  #bytes = new Uint8Array(65_536)
  #length = 0

  /** What was written, in memory of its own. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes))
    larger.set(this.#bytes)
    this.#bytes = larger
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    const [into, begin] = [this.#bytes, this.#length]
    // Most are short: a loop is faster than `set`.
    for (let index = 0; index < bytes.length; index++) into[begin + index] = bytes[index] ?? 0
    this.#length = begin + bytes.length
  }

  text(text: string): void {
    this.raw(encoder.encode(text))
  }

  /** A whole number from 0 on, with zeros before it up to `atLeast` digits. */
  #digits(value: number, atLeast: number): void {
    let count = 1
    for (let power = 10; power <= value; power *= 10) count++
    const into = this.#bytes
    const begin = this.#length
    let at = begin + Math.max(count, atLeast)
    this.#length = at
    let left = value
    for (; left > smallIntegers; left = Math.floor(left / 10)) into[--at] = zero + (left % 10)
    for (let small = left | 0; at > begin; small = (small / 10) | 0) into[--at] = zero + (small % 10)
  }

  /** An integer that a double holds exactly. */
  integer(value: number): void {
    this.#room(mostDigits)
    if (value < 0) this.#bytes[this.#length++] = minus
    this.#digits(Math.abs(value), 1)
  }

  /**
   * Thousandths, and billionths of one beside them, whatever the sign of either, as a decimal with no more digits than
   * it needs: 1 and 500_000_000 are 0.0015.
   */
  decimal(thousandths: number, billionths: number): void {
    this.#room(mostDigits)
    const carried = Math.floor(billionths / 1e9)
    let [mills, rest] = [thousandths + carried, billionths - carried * 1e9]
    if (mills < 0) {
      this.#bytes[this.#length++] = minus
      mills = rest === 0 ? -mills : -mills - 1
      rest = rest === 0 ? 0 : 1e9 - rest
    }
    const whole = Math.floor(mills / 1_000)
    this.#digits(whole, 1)
    if (rest === 0 && mills === whole * 1_000) return
    this.#bytes[this.#length++] = point
    this.#digits(mills - whole * 1_000, 3)
    this.#digits(rest, 9)
    while (this.#bytes[this.#length - 1] === zero) this.#length--
  }
}
