/** The OpenAPI document says what the server does (spec 1), and a page renders it. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { answerOf, surface } from "./edge.ts"
import { get, getJson, testServer } from "./harness.ts"

/** Of the OpenAPI document, as far as it is looked at here. */
interface Operation {
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly security: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly responses: Readonly<Record<string, { readonly headers?: Readonly<Record<string, unknown>> }>>
}

layer(testServer(), { excludeTestServices: true })("the edge", (it) => {
  describe("the document", () => {
    const operations = Effect.map(getJson("/openapi.json"), ({ paths: items }) =>
      Object.entries<Readonly<Record<string, Operation>>>(items).flatMap(([pattern, item]) =>
        Object.entries(item).map(([method, operation]) => ({
          ...operation,
          name: `${method.toUpperCase()} ${pattern}`
        }))
      )
    )

    it.effect("/openapi.json lists every path and its methods, and nothing that is not there", () =>
      Effect.gen(function* () {
        const answered = surface.flatMap(([, pattern, methods]) => methods.map((method) => `${method} ${pattern}`))
        const ofItself = new Set(["GET /openapi.json", "GET /docs"])
        assert.deepStrictEqual(
          (yield* operations).map(({ name }) => name).toSorted(),
          [...new Set(answered)].filter((name) => !ofItself.has(name)).toSorted()
        )
      })
    )

    it.effect("every operation says whose key it takes; what takes none has no 401", () =>
      Effect.gen(function* () {
        for (const { name, responses, security } of yield* operations) {
          const schemes = security.flatMap((requirement) => Object.keys(requirement))
          const whose = /^\w+ (?:\/v1)?\/(?:chat|route|models)/.test(name) ? "client" : "admin"
          const wanted = name.includes("/health") ? [] : [`${whose}Bearer`, `${whose}Header`]
          assert.deepStrictEqual(schemes, wanted, name)
          assert.strictEqual("401" in responses, wanted.length > 0, name)
        }
      })
    )

    it.effect("changes of the configuration take If-Match, and answers with its state have an ETag", () =>
      Effect.gen(function* () {
        const all = yield* operations
        const taking = all.filter(({ parameters }) =>
          parameters.some((parameter) => parameter.in === "header" && parameter.name === "if-match")
        )
        const telling = all.filter(({ responses }) =>
          Object.entries(responses).some(([status, { headers }]) => status.startsWith("2") && headers?.["etag"])
        )
        const changes = ["POST /config/category", "POST /config/model-mapping", "DELETE /config/category/{name}"]
        assert.deepStrictEqual(
          taking.map(({ name }) => name),
          changes
        )
        assert.deepStrictEqual(
          telling.map(({ name }) => name),
          ["GET /config", ...changes]
        )
      })
    )

    it.effect("/docs is a page", () =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* get("/docs"))
        assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
        assert.match(answer.text, /^<!doctype html>/i)
      })
    )
  })
})
