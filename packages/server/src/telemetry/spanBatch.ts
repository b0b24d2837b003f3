/**
 * Spans on their way to the collector. Each is written in the protocol's form (OTLP 1.10, `trace.proto`) when it ends: a
 * span that waits is some hundred bytes outside the heap, and no request waits behind the writing of a whole batch.
 */
import type { AttributeValue, Span } from "@llm-router/router/telemetry/Span"
import { PbfWriter } from "pbf"
import type { ExportOptions } from "./exportOptions.ts"

/** Spans that are sent together. */
export interface SpanBatch {
  readonly size: number
  readonly add: (span: Span) => void
  /** The body of an export request with all of them. */
  readonly body: () => Uint8Array
}

/** What the spans of this process have in common. */
export interface SpanForm {
  readonly resource: Readonly<Record<string, string>>
  readonly scope: { readonly name: string; readonly version: string }
  readonly limits: Pick<ExportOptions, "longestValue" | "mostAttributes">
}

/** `Span.SpanKind` */
const kinds = { internal: 1, server: 2, client: 3 } as const
/** `Status.StatusCode` */
const codes = { unset: 0, error: 2 } as const
/** `SpanFlags`: sampled, and that it is told whether the parent is remote. */
const localParent = 0x101
const remoteParent = 0x301

const flagsOf = ({ kind, parentId }: Span): number =>
  kind === "server" && parentId !== "" ? remoteParent : localParent

/** As near as a double comes to it: a quarter of a microsecond. */
const nanosOf = (millis: number): number => Math.round(millis * 1e6)

const cutTo = (longest: number, value: AttributeValue): AttributeValue => {
  if (typeof value === "string") return value.slice(0, longest)
  return typeof value === "object" ? value.map((text) => text.slice(0, longest)) : value
}

type Attributes = Readonly<Record<string, AttributeValue>>
type Attribute = readonly [name: string, value: AttributeValue]

/** Within the limits for attributes. */
const attributesOf = (attributes: Attributes, { longestValue, mostAttributes }: SpanForm["limits"]) => {
  const all: ReadonlyArray<Attribute> = Object.entries(attributes)
  const kept = all.length > mostAttributes ? all.slice(0, mostAttributes) : all
  return longestValue === Number.POSITIVE_INFINITY
    ? kept
    : kept.map(([name, value]): Attribute => [name, cutTo(longestValue, value)])
}

const droppedOf = (span: Span, { mostAttributes }: SpanForm["limits"]): number =>
  Math.max(0, Object.keys(span.attributes).length - mostAttributes)

/** A message, or a part of one, by itself. */
const written = (write: (to: PbfWriter) => void): Uint8Array => {
  const to = new PbfWriter()
  write(to)
  return to.buf.subarray(0, to.pos)
}

const lengthDelimited = 2
const hexBytes = Buffer.alloc(16)

const writeId = (field: number, id: string, to: PbfWriter): void => {
  to.writeBytesField(field, hexBytes.subarray(0, hexBytes.write(id, "hex")))
}

const writeValue = (value: AttributeValue, to: PbfWriter): void => {
  if (typeof value === "string") to.writeStringField(1, value)
  else if (typeof value === "boolean") to.writeBooleanField(2, value)
  else if (typeof value === "object") to.writeMessage(5, writeTexts, value)
  else if (Number.isSafeInteger(value)) to.writeVarintField(3, value)
  else to.writeDoubleField(4, value)
}

const writeTexts = (texts: ReadonlyArray<string>, to: PbfWriter): void => {
  for (const text of texts) to.writeMessage(1, writeValue, text)
}

const writeAttribute = ([name, value]: Attribute, to: PbfWriter): void => {
  to.writeStringField(1, name)
  to.writeMessage(2, writeValue, value)
}

const writeStatus = (error: string | undefined, to: PbfWriter): void => {
  if (error !== undefined) to.writeStringField(2, error)
  to.writeVarintField(3, error === undefined ? codes.unset : codes.error)
}

const writeSpan =
  (limits: SpanForm["limits"]) =>
  (span: Span, to: PbfWriter): void => {
    writeId(1, span.traceId, to)
    writeId(2, span.spanId, to)
    if (span.trace.state !== undefined) to.writeStringField(3, span.trace.state)
    if (span.parentId !== "") writeId(4, span.parentId, to)
    to.writeStringField(5, span.name)
    to.writeVarintField(6, kinds[span.kind])
    to.writeFixed64Field(7, nanosOf(span.startedAt))
    to.writeFixed64Field(8, nanosOf(span.endedAt))
    for (const attribute of attributesOf(span.attributes, limits)) to.writeMessage(9, writeAttribute, attribute)
    to.writeVarintField(10, droppedOf(span, limits))
    for (const { attributes, name, time } of span.events ?? []) {
      to.writeMessage(
        11,
        (own, event) => {
          event.writeFixed64Field(1, nanosOf(time))
          event.writeStringField(2, name)
          for (const attribute of own) event.writeMessage(3, writeAttribute, attribute)
          event.writeVarintField(4, 0)
        },
        attributesOf(attributes, limits)
      )
    }
    // Of events and links none is dropped.
    to.writeVarintField(12, 0)
    to.writeVarintField(14, 0)
    to.writeMessage(15, writeStatus, span.error)
    to.writeFixed32Field(16, flagsOf(span))
  }

/** Batches in protobuf. */
export const protobufBatches = ({ limits, resource, scope }: SpanForm): (() => SpanBatch) => {
  const write = writeSpan(limits)
  /** The fields before the spans, of `ResourceSpans` and of `ScopeSpans`. */
  const ofResource = written((to) =>
    to.writeMessage(
      1,
      (attributes, message) => {
        for (const attribute of attributes) message.writeMessage(1, writeAttribute, attribute)
        message.writeVarintField(2, 0)
      },
      Object.entries(resource)
    )
  )
  const ofScope = written((to) =>
    to.writeMessage(
      1,
      ({ name, version }, message) => {
        message.writeStringField(1, name)
        message.writeStringField(2, version)
      },
      scope
    )
  )
  /** The tag and the length of a message in the field, whose content follows. */
  const begin = (field: number, length: number) =>
    written((to) => {
      to.writeTag(field, lengthDelimited)
      to.writeVarint(length)
    })

  return () => {
    const spans = new PbfWriter()
    let size = 0
    return {
      get size() {
        return size
      },
      add: (span) => {
        spans.writeMessage(2, write, span)
        size++
      },
      body: () => {
        const scopeLength = ofScope.length + spans.pos
        const scopeSpans = begin(2, scopeLength)
        const resourceSpans = begin(1, ofResource.length + scopeSpans.length + scopeLength)
        return Buffer.concat([resourceSpans, ofResource, scopeSpans, ofScope, spans.buf.subarray(0, spans.pos)])
      }
    }
  }
}

const jsonValue = (value: AttributeValue): unknown => {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  if (typeof value === "object") return { arrayValue: { values: value.map(jsonValue) } }
  return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value }
}

const jsonAttributes = (attributes: ReadonlyArray<Attribute>): ReadonlyArray<unknown> =>
  attributes.map(([key, value]) => ({ key, value: jsonValue(value) }))

const jsonNanos = (millis: number): string => String(BigInt(nanosOf(millis)))

const jsonSpan = (span: Span, limits: SpanForm["limits"]): string =>
  JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: span.trace.state,
    parentSpanId: span.parentId === "" ? undefined : span.parentId,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: jsonNanos(span.startedAt),
    endTimeUnixNano: jsonNanos(span.endedAt),
    attributes: jsonAttributes(attributesOf(span.attributes, limits)),
    droppedAttributesCount: droppedOf(span, limits),
    events: (span.events ?? []).map(({ attributes, name, time }) => ({
      timeUnixNano: jsonNanos(time),
      name,
      attributes: jsonAttributes(attributesOf(attributes, limits)),
      droppedAttributesCount: 0
    })),
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: span.error === undefined ? { code: codes.unset } : { code: codes.error, message: span.error },
    flags: flagsOf(span)
  })

/** Batches in the protocol's JSON. */
export const jsonBatches = ({ limits, resource, scope }: SpanForm): (() => SpanBatch) => {
  const ofResource = JSON.stringify({ attributes: jsonAttributes(Object.entries(resource)), droppedAttributesCount: 0 })
  const ofScope = JSON.stringify(scope)
  return () => {
    const spans: Array<string> = []
    return {
      get size() {
        return spans.length
      },
      add: (span) => void spans.push(jsonSpan(span, limits)),
      body: () =>
        Buffer.from(
          `{"resourceSpans":[{"resource":${ofResource},"scopeSpans":[{"scope":${ofScope},"spans":[${spans.join(",")}]}]}]}`
        )
    }
  }
}
