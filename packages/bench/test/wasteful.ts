/** Loaded into a server before it starts: makes it allocate 16 kB more for each JSON that it reads, so for each request. */
const { parse } = JSON

let waste: ReadonlyArray<number> = []

JSON.parse = (text, reviver) => {
  waste = Array.from({ length: 2048 }, (_, index) => index + waste.length)
  return parse(text, reviver)
}
