/** Requests made from an OpenAPI document: right ones, nearly right ones, and what nobody meant. */
import * as fc from "fast-check"

type Json = Readonly<Record<string, unknown>>

export interface Input {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

export interface Operation {
  readonly method: string
  /** With `{name}` where a parameter stands. */
  readonly path: string
  readonly query: ReadonlyArray<string>
  readonly body: unknown
}

const fieldsOf = (value: unknown): Json =>
  // Every property of an object can be read as unknown.
  typeof value === "object" && value !== null ? (value as Json) : {}
const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const methods: ReadonlySet<string> = new Set(["get", "post", "put", "patch", "delete"])

/** Every operation of a document. */
export const operationsOf = (document: unknown): ReadonlyArray<Operation> =>
  Object.entries(fieldsOf(fieldsOf(document)["paths"])).flatMap(([path, item]) =>
    Object.entries(fieldsOf(item))
      .filter(([method]) => methods.has(method))
      .map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        query: listOf(fieldsOf(operation)["parameters"])
          .map(fieldsOf)
          .filter((parameter) => parameter["in"] === "query")
          .map((parameter) => String(parameter["name"])),
        body: fieldsOf(fieldsOf(fieldsOf(fieldsOf(operation)["requestBody"])["content"])["application/json"])["schema"]
      }))
  )

/** Texts that went wrong somewhere once. */
const nasty = fc.constantFrom(
  "",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "../../etc/passwd",
  "..%2f..%2f",
  "%00",
  "\u0000",
  "\u202e\ufeff",
  "a\r\nx-injected: 1",
  "null",
  "1e999",
  "9007199254740993",
  "router",
  "auto",
  "router/code",
  "code",
  "a/one",
  "/",
  "//",
  "a/b/c",
  "a".repeat(300),
  "${jndi:ldap://x}",
  "'; DROP TABLE attempts; --",
  "<script>",
  "=1+1",
  "\ud800"
)

const text = fc.oneof(nasty, fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 20 }))

const anything = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 4 }),
  fc.dictionary(text, text, { maxKeys: 4 }),
  fc.jsonValue({ maxDepth: 4 })
)

/** Values that a schema allows, mostly. `depth` ends schemas that hold themselves. */
const valuesOf = (schema: unknown, root: unknown, depth = 0): fc.Arbitrary<unknown> => {
  const fields = fieldsOf(schema)
  const reference = fields["$ref"]
  if (depth > 8) return anything
  if (typeof reference === "string") {
    const target = reference
      .split("/")
      .slice(1)
      .reduce<unknown>((at, name) => fieldsOf(at)[name], root)
    return valuesOf(target, root, depth + 1)
  }
  const choices = [...listOf(fields["anyOf"]), ...listOf(fields["oneOf"])]
  if (choices.length > 0) return fc.oneof(...choices.map((choice) => valuesOf(choice, root, depth + 1)))
  const values = listOf(fields["enum"])
  if (values.length > 0) return fc.constantFrom(...values)
  switch (fields["type"]) {
    case "string":
      return text
    case "boolean":
      return fc.boolean()
    case "null":
      return fc.constant(null)
    case "integer":
    case "number":
      return fc.oneof(fc.integer(), fc.double())
    case "array": {
      const items = fields["items"] ?? listOf(fields["prefixItems"])[0]
      return fc.array(valuesOf(items, root, depth + 1), { maxLength: 4 })
    }
    case "object": {
      const properties = Object.entries(fieldsOf(fields["properties"])).map(
        ([name, property]): readonly [string, fc.Arbitrary<unknown>] => [
          name,
          fc.oneof({ weight: 29, arbitrary: valuesOf(property, root, depth + 1) }, { weight: 1, arbitrary: anything })
        ]
      )
      const required = listOf(fields["required"]).map(String)
      const model = Object.fromEntries(properties)
      const known = fc.oneof(
        { weight: 5, arbitrary: fc.record(model, { requiredKeys: required.filter((name) => name in model) }) },
        { weight: 1, arbitrary: fc.record(model, { requiredKeys: [] }) }
      )
      const more = fc.dictionary(text, anything, { maxKeys: 2 })
      return fc.tuple(known, more).map(([own, extra]) => ({ ...extra, ...own }))
    }
    default:
      return anything
  }
}

const serialised = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? "")

/** Right JSON that is cut, doubled or wrong by one byte. */
const damaged = (bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(bodies, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(2)).map(([body, at, byte, how]) => {
    const where = body.length === 0 ? 0 : at % body.length
    if (how === 0) return body.subarray(0, where)
    if (how === 1) return Buffer.concat([body, body])
    const copy = Buffer.from(body)
    if (copy.length > 0) copy[where] = byte
    return copy
  })

const bodiesFor = (schema: unknown, root: unknown): fc.Arbitrary<Buffer> => {
  const right = valuesOf(schema, root).map(serialised)
  return fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 2, arbitrary: damaged(right) },
    { weight: 1, arbitrary: anything.map(serialised) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) }
  )
}

/** What a client library lets into a header's value. */
const headerText = fc.oneof(
  fc.string({ maxLength: 40 }).map((value) => value.replace(/[^\t\x20-\x7e]/g, "")),
  fc.constantFrom("*/*", "application/json", "text/plain;version=0.0.4", 'W/"x"', "*", "text/csv", "-1", "a,b")
)

const headers: fc.Arbitrary<Readonly<Record<string, string>>> = fc.record(
  {
    "content-type": fc.oneof(
      { weight: 6, arbitrary: fc.constant("application/json") },
      { weight: 1, arbitrary: fc.constantFrom("application/json; charset=utf-8", "text/plain", "multipart/form-data") },
      { weight: 1, arbitrary: headerText }
    ),
    accept: headerText,
    "x-request-id": headerText,
    "x-session-id": headerText,
    "if-match": headerText,
    "user-agent": headerText,
    traceparent: headerText,
    "content-encoding": fc.constantFrom("gzip", "identity"),
    "x-router-dry-run": fc.constantFrom("true", "false", "")
  },
  { requiredKeys: ["content-type"] }
)

/** A path segment as it may be typed: encoded, or raw where a client library lets it through. */
const segment = text.chain((value) =>
  fc.constantFrom(encodeURIComponent(value.toWellFormed()), value.replace(/[^\x21-\x7e]|[?#\\]/g, ""))
)

/** Inputs for one operation of a document. */
export const inputsFor = (operation: Operation, document: unknown): fc.Arbitrary<Input> => {
  const names = operation.path.match(/\{\w+\}/g) ?? []
  const path = fc
    .tuple(...names.map(() => segment))
    .map((values) =>
      values.reduce((filled, value, index) => filled.replace(names[index] ?? "", () => value), operation.path)
    )
  const query = fc
    .record(Object.fromEntries(operation.query.map((name) => [name, text])), { requiredKeys: [] })
    .map((values) =>
      Object.entries(values)
        .map(([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed())}`)
        .join("&")
    )
  const method = fc.oneof(
    { weight: 19, arbitrary: fc.constant(operation.method) },
    { weight: 1, arbitrary: fc.constantFrom("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST") }
  )
  const body =
    operation.body === undefined
      ? fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anything.map(serialised) })
      : bodiesFor(operation.body, document)
  return fc
    .record({ method, path, query, headers, body })
    .map(({ query: search, ...input }) => ({ ...input, path: search === "" ? input.path : `${input.path}?${search}` }))
}
