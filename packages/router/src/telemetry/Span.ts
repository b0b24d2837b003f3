/**
 * Spans as the router makes them: by hand, three for a request. The SDK's own span costs four times as much to make,
 * most of it for checks of values that are known to be right here; its sampler, batch processor and exporter do the rest.
 */
import { detached } from "@llm-router/domain/detached"

export type AttributeValue = string | number | boolean | ReadonlyArray<string>
export type SpanKind = "server" | "client" | "internal"

export interface SpanEvent {
  readonly name: string
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** Milliseconds of Unix time, with a fraction. */
  readonly time: number
}

/** What a trace has in common: where it came from, and what takes its spans. */
export interface Trace {
  readonly traceId: string
  readonly sampled: boolean
  /** W3C `tracestate`, and `baggage`, as they came; passed on with the trace. */
  readonly state: string | undefined
  readonly baggage: string | undefined
  /** What is called from here is told of the trace. */
  readonly propagates: boolean
  /** Prompts and answers are put on spans. */
  readonly capturesContent: boolean
  readonly newSpanId: () => string
  readonly ended: (span: Span) => void
  /** What the monotonic clock is behind Unix time, in milliseconds, when the trace began: its spans fit together. */
  readonly clockOffset: number
}

export class Span {
  readonly trace: Trace
  readonly spanId: string
  /** Empty for a root. */
  readonly parentId: string
  readonly kind: SpanKind
  readonly startedAt: number
  endedAt = 0
  name: string
  error: string | undefined
  readonly attributes: Record<string, AttributeValue>
  events: Array<SpanEvent> | undefined

  constructor(
    trace: Trace,
    parentId: string,
    kind: SpanKind,
    name: string,
    attributes: Record<string, AttributeValue>,
    startedAt?: number
  ) {
    this.trace = trace
    this.spanId = trace.newSpanId()
    this.parentId = parentId
    this.kind = kind
    this.name = name
    this.attributes = attributes
    this.startedAt = startedAt ?? this.now()
  }

  get traceId(): string {
    return this.trace.traceId
  }

  get sampled(): boolean {
    return this.trace.sampled
  }

  /** Milliseconds of Unix time. */
  now(): number {
    return performance.now() + this.trace.clockOffset
  }

  /** A child, where the trace is sampled: nothing is made that nobody gets. */
  child(
    kind: SpanKind,
    name: string,
    attributes: Record<string, AttributeValue>,
    startedAt?: number
  ): Span | undefined {
    return this.trace.sampled ? new Span(this.trace, this.spanId, kind, name, attributes, startedAt) : undefined
  }

  set(name: string, value: AttributeValue | undefined): void {
    if (value !== undefined) this.attributes[name] = value
  }

  event(name: string, attributes: Readonly<Record<string, AttributeValue>> = {}): void {
    if (!this.trace.sampled) return
    const event = { name, attributes, time: this.now() }
    // Most have one or none: an array that grows keeps room for sixteen.
    this.events = this.events === undefined ? [event] : [...this.events, event]
  }

  /** Ends it, once; `error` says what failed. */
  end(error?: string): void {
    if (this.endedAt !== 0) return
    this.error = error
    this.endedAt = this.now()
    if (this.trace.sampled) this.trace.ended(this)
  }

  /** W3C `traceparent` of what is called from here. */
  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-${this.sampled ? "01" : "00"}`
  }
}

/**
 * What a log line has of a trace: the span's, or without one the trace that the caller named in `traceparent`. Added where
 * a line is written: an annotation of the whole request costs each of them.
 */
export const logIdsOf = (span: Span | undefined, traceparent?: string): Readonly<Record<string, string>> => {
  if (span !== undefined) return { trace_id: span.traceId, span_id: span.spanId }
  const parent = remoteParentOf(traceparent)
  return parent === undefined ? {} : { trace_id: parent.traceId }
}

export interface RemoteParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** Version, trace id, parent id, flags; a version above 00 may have more behind them. */
const traceparentForm = /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads W3C `traceparent` (Trace Context level 1); `undefined` for what is none. */
export const remoteParentOf = (traceparent: string | undefined): RemoteParent | undefined => {
  const match = traceparentForm.exec(traceparent ?? "")
  if (match === null) return undefined
  const [, version = "", traceId = "", spanId = "", flags = "", more] = match
  if (version === "00" && more !== undefined) return undefined
  return { traceId: detached(traceId), spanId: detached(spanId), sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

const longestState = 512
const longestBaggage = 8_192

/** A header that may be passed on: printable and of sane length. */
const passable = (value: string | undefined, longest: number): string | undefined =>
  value !== undefined && value.length <= longest && /^[ -~]+$/.test(value) ? value : undefined

export const traceStateOf = (header: string | undefined) => passable(header, longestState)
export const baggageOf = (header: string | undefined) => passable(header, longestBaggage)
