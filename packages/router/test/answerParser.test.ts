/** However the bytes of an answer come apart, the same answer is read; and what could be read in two ways is none. */
import { assert, describe, it } from "@effect/vitest"
import { AnswerParser } from "../src/http1/AnswerParser.ts"

const crlf = (...lines: ReadonlyArray<string>): string => lines.join("\r\n")

/** Reads answers from pieces of a size; `end` is the connection's end. */
const read = (text: string, size: number) => {
  const answers: Array<{ status: number; headers: Readonly<Record<string, string>>; body: string; reusable: boolean }> =
    []
  let current = { status: 0, headers: {}, body: "", reusable: false }
  const parser = new AnswerParser({
    onHead: (status, headers) => {
      current = { status, headers, body: "", reusable: false }
    },
    onData: (bytes) => {
      current.body += bytes.toString("latin1")
    }
  })
  const complete = () => answers.push({ ...current, reusable: parser.reusable })
  const bytes = Buffer.from(text, "latin1")
  for (let at = 0; at < bytes.length; at += size) {
    // A piece may hold the end of one answer alone, as it does on a connection.
    const came = parser.read(Buffer.from(bytes.subarray(at, at + size)))
    if (came === "broken") return { answers, end: "broken", unfinished: current }
    if (came === "complete") complete()
  }
  if (parser.end()) complete()
  return { answers, end: "closed", unfinished: current }
}

const withLength = crlf("HTTP/1.1 200 OK", "Content-Type: application/json", "CONTENT-LENGTH:  5 ", "", "hello")
const inChunks = crlf(
  "HTTP/1.1 200 OK",
  "transfer-encoding: Chunked",
  "keep-alive: timeout=5",
  "",
  "3",
  "abc",
  "0A;name=value",
  "0123456789",
  "0",
  "checksum: 1",
  "",
  ""
)

const plain: ReadonlyArray<readonly [what: string, text: string, body: string, reusable: boolean]> = [
  ["a length", withLength, "hello", true],
  ["chunks, an extension, a trailer", inChunks, "abc0123456789", true],
  ["a length of nothing", crlf("HTTP/1.1 200 OK", "content-length: 0", "", ""), "", true],
  ["no body", crlf("HTTP/1.1 204 No Content", "", ""), "", true],
  ["the connection's end", crlf("HTTP/1.1 200 OK", "server: x", "", "until the end"), "until the end", false],
  [
    "a connection that closes",
    withLength.replace("\r\n\r\n", "\r\nConnection: keep-alive, Close\r\n\r\n"),
    "hello",
    false
  ],
  ["HTTP/1.0", withLength.replace("1.1", "1.0"), "hello", false],
  ["an interim answer first", crlf("HTTP/1.1 103 Early Hints", "link: </x>", "", "") + withLength, "hello", true],
  ["a status without a reason", withLength.replace(" OK", ""), "hello", true],
  ["a head of 60 kB", withLength.replace("\r\n", `\r\nx-long: ${"y".repeat(60_000)}\r\n`), "hello", true]
]

describe.each(plain)("an answer with %s", (_, text, body, reusable) => {
  it.each([1, 2, 3, 7, 50, 1_000_000])("in pieces of %d bytes", (size) => {
    const { answers, end } = read(text, size)
    assert.strictEqual(end, "closed")
    assert.deepStrictEqual(
      answers.map((answer) => [answer.status, answer.body, answer.reusable]),
      [[answers[0]?.status === 204 ? 204 : 200, body, reusable]]
    )
  })
})

it("gives names in lower case and values without the blanks around them", () => {
  assert.deepStrictEqual(read(withLength, 10_000).answers[0]?.headers, {
    "content-type": "application/json",
    "content-length": "5"
  })
})

it("has no field that did not come, and takes one that is called like what every object has", () => {
  const { answers } = read(withLength.replace("CONTENT", "Constructor: x\r\nCONTENT"), 10_000)
  assert.strictEqual(answers[0]?.headers["constructor"], "x")
})

it("reads one answer after the other from one connection", () => {
  assert.deepStrictEqual(
    read(withLength + inChunks + withLength, 1).answers.map(({ body }) => body),
    ["hello", "abc0123456789", "hello"]
  )
})

it("does not use a connection again on which more came than the answer", () => {
  assert.deepStrictEqual(
    read(`${withLength}HTTP/1.1 200 OK`, 10_000).answers.map(({ body, reusable }) => [body, reusable]),
    [["hello", false]]
  )
})

it.each([
  ["a body that is cut", withLength.slice(0, -1)],
  ["chunks that are cut", inChunks.slice(0, -2)],
  ["a head that is cut", withLength.slice(0, 30)]
])("%s is no complete answer", (_, text) => {
  for (const size of [1, 10_000])
    assert.deepStrictEqual([read(text, size).answers, read(text, size).end], [[], "closed"])
})

it.each([
  ["another protocol", crlf("SSH-2.0-OpenSSH_9.6", "", "")],
  ["HTTP/2", withLength.replace("1.1", "2.0")],
  ["no status", withLength.replace("200", "20")],
  ["an upgrade that nobody asked for", crlf("HTTP/1.1 101 Switching Protocols", "", "")],
  ["a line without a name", withLength.replace("CONTENT", ": x\r\nCONTENT")],
  ["a line without a colon", withLength.replace("CONTENT", "nonsense\r\nCONTENT")],
  ["a blank before the colon", withLength.replace("LENGTH:", "LENGTH :")],
  ["a folded line", withLength.replace("CONTENT", " folded: x\r\nCONTENT")],
  ["a line feed alone in the head", withLength.replace("application", "application\nx: y")],
  ["a carriage return alone in the head", withLength.replace("application", "application\rx: y")],
  ["a zero byte in the head", withLength.replace("application", "app\0lication")],
  ["a length that is no number", withLength.replace(" 5 ", "0x5")],
  ["a negative length", withLength.replace(" 5 ", "-5")],
  ["two lengths", withLength.replace("CONTENT", "content-length: 5\r\nCONTENT")],
  ["a length and chunks", inChunks.replace("keep-alive: timeout=5", "content-length: 5")],
  ["another encoding than chunks", inChunks.replace("Chunked", "gzip, chunked")],
  ["chunks twice", inChunks.replace("keep-alive: timeout=5", "transfer-encoding: chunked")],
  ["a chunk without a size", inChunks.replace("\r\n3\r\n", "\r\n\r\n")],
  ["a chunk of a size that is no number", inChunks.replace("\r\n3\r\n", "\r\nx\r\n")],
  ["a chunk of a signed size", inChunks.replace("\r\n3\r\n", "\r\n+3\r\n")],
  ["a chunk of an enormous size", inChunks.replace("\r\n3\r\n", `\r\n${"f".repeat(14)}\r\n`)],
  ["a chunk that is longer than its size", inChunks.replace("abc", "abcd")],
  ["a chunk's size with a line feed alone", inChunks.replace("\r\n3\r\n", "\r\n3\n")],
  ["a chunk that ends with a line feed alone", inChunks.replace("abc\r\n", "abc\n")],
  ["an endless extension", inChunks.replace(";name=value", `;${"x".repeat(5000)}`)],
  ["endless trailers", inChunks.replace("checksum: 1", "checksum: 1\r\n".repeat(2000))],
  ["a trailer with a line feed alone", inChunks.replace("checksum: 1\r\n", "checksum: 1\n")],
  ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`]
])("%s is no answer", (_, text) => {
  for (const size of [1, 5, 1_000_000]) assert.strictEqual(read(text, size).end, "broken")
})
