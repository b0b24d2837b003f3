/** Spans in the protocol's form: byte for byte what the SDK's own serializers make of them. */
import { assert, describe, it } from "@effect/vitest"
import { type AttributeValue, Span } from "@llm-router/router/telemetry/Span"
import type { SpanContext, TraceState } from "@opentelemetry/api"
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { jsonBatches, protobufBatches, type SpanForm } from "../src/telemetry/spanBatch.ts"
import { trace } from "./spans.ts"

const form = (limits: Partial<SpanForm["limits"]> = {}): SpanForm => ({
  resource: { "service.name": "llm-router", "service.instance.id": "é".repeat(200) },
  scope: { name: "llm-router", version: "1.0.0" },
  limits: { longestValue: Number.POSITIVE_INFINITY, mostAttributes: 128, ...limits }
})

interface Given {
  readonly kind?: Span["kind"]
  readonly parentId?: string
  readonly state?: string
  readonly error?: string
  readonly events?: Span["events"]
  readonly attributes?: Record<string, AttributeValue>
}

/** Whole seconds, which every way of writing a time agrees on. */
const startedAt = 1_790_000_000_000

const spanOf = ({ attributes = {}, error, events, kind = "internal", parentId = "", state }: Given): Span => {
  const span = new Span({ ...trace, state }, parentId, kind, "chat é/one", attributes, startedAt)
  span.events = events
  span.error = error
  span.endedAt = startedAt + 2_000
  return span
}

const hrTime = (millis: number): [number, number] => [millis / 1000, 0]

/** One of each, by which the SDK knows which spans go together. */
const resource = resourceFromAttributes(form().resource)
const instrumentationScope = form().scope

/** The same span as the SDK has it. */
const readable = (span: Span): ReadableSpan => {
  const { parentId, trace: own } = span
  const state: TraceState = {
    get: () => undefined,
    set: () => state,
    unset: () => state,
    serialize: () => own.state ?? ""
  }
  const contextOf = (spanId: string, isRemote: boolean): SpanContext => ({
    traceId: own.traceId,
    spanId,
    traceFlags: 1,
    isRemote,
    ...(own.state === undefined ? {} : { traceState: state })
  })
  return {
    name: span.name,
    kind: { internal: 0, server: 1, client: 2 }[span.kind],
    spanContext: () => contextOf(span.spanId, false),
    ...(parentId === "" ? {} : { parentSpanContext: contextOf(parentId, span.kind === "server") }),
    startTime: hrTime(span.startedAt),
    endTime: hrTime(span.endedAt),
    status: span.error === undefined ? { code: 0 } : { code: 2, message: span.error },
    attributes: Object.fromEntries(
      Object.entries(span.attributes).map(([name, value]) => [name, typeof value === "object" ? [...value] : value])
    ),
    links: [],
    events: (span.events ?? []).map(({ attributes, name, time }) => ({
      name,
      attributes: Object.fromEntries(
        Object.entries(attributes).filter((entry): entry is [string, string] => typeof entry[1] === "string")
      ),
      time: hrTime(time)
    })),
    duration: hrTime(2_000),
    ended: true,
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0
  }
}

const everything: Given = {
  kind: "client",
  parentId: "00f067aa0ba902b7",
  state: "vendor=value",
  error: "rate_limited",
  attributes: {
    text: "🌍 ".repeat(100),
    empty: "",
    yes: true,
    no: false,
    zero: 0,
    count: 200_000,
    negative: -3,
    large: 2 ** 40,
    cost: 0.0000015,
    texts: ["one", "", "trois é"]
  },
  events: [
    { name: "llm_router.first_token", attributes: {}, time: startedAt + 1_000 },
    { name: "llm_router.fallback", attributes: { "llm_router.fallback.model": "a/one" }, time: startedAt + 1_000 }
  ]
}

const given: ReadonlyArray<readonly [what: string, spans: ReadonlyArray<Given>]> = [
  ["a root", [{ kind: "server" }]],
  ["a child of a caller's", [{ kind: "server", parentId: "00f067aa0ba902b7", state: "vendor=value" }]],
  ["a child", [{ parentId: "00f067aa0ba902b7" }]],
  ["one with everything", [everything]],
  ["many", Array.from({ length: 40 }, (_, at) => ({ ...everything, attributes: { at, text: "x".repeat(at * 7) } }))]
]

const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex")
const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

describe("spans in the protocol's form", () => {
  it.each([...given])("are what the SDK's serializers make of them: %s", (_what, spans) => {
    const made = spans.map(spanOf)
    const ours = [protobufBatches(form())(), jsonBatches(form())()] as const
    for (const batch of ours) made.forEach(batch.add)
    const readables = made.map(readable)
    const [protobuf, json] = ours
    assert.strictEqual(hexOf(protobuf.body()), hexOf(ProtobufTraceSerializer.serializeRequest(readables)))
    assert.deepStrictEqual(
      JSON.parse(textOf(json.body())),
      JSON.parse(textOf(JsonTraceSerializer.serializeRequest(readables)))
    )
    assert.deepStrictEqual([protobuf.size, json.size], [spans.length, spans.length])
  })

  it("keep to the limits for attributes", () => {
    const attributes = { first: "é".repeat(9), second: ["abcdef", "g"], third: 3 }
    const limited = form({ longestValue: 4, mostAttributes: 2 })
    const batches = [protobufBatches(limited)(), jsonBatches(limited)()]
    for (const batch of batches) batch.add(spanOf({ attributes }))
    const expected = {
      ...readable(spanOf({ attributes: { first: "éééé", second: ["abcd", "g"] } })),
      droppedAttributesCount: 1
    }
    const [protobuf, json] = batches
    assert.strictEqual(hexOf(protobuf?.body()), hexOf(ProtobufTraceSerializer.serializeRequest([expected])))
    assert.deepStrictEqual(
      JSON.parse(textOf(json?.body())),
      JSON.parse(textOf(JsonTraceSerializer.serializeRequest([expected])))
    )
  })
})
