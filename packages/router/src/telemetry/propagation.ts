/** The headers of W3C Trace Context and Baggage for a call that belongs to a request's trace. */
import type { ClientSignals } from "@llm-router/domain/ChatRequest"
import type { Span } from "./Span.ts"

/** Without a span of ours, the caller's trace goes on as it came. */
export const propagationHeaders = (
  { traceparent, tracestate }: Pick<ClientSignals, "traceparent" | "tracestate">,
  span: Span | undefined
): Readonly<Record<string, string>> => {
  if (span?.trace.propagates === false) return {}
  const { baggage, state } = span?.trace ?? { state: tracestate, baggage: undefined }
  const parent = span?.traceparent ?? traceparent
  return {
    ...(parent === undefined ? {} : { traceparent: parent }),
    ...(parent === undefined || state === undefined ? {} : { tracestate: state }),
    ...(baggage === undefined ? {} : { baggage })
  }
}
