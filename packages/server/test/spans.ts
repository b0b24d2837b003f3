/** What a trace of spans that are made by hand is made of. */
import type { Trace } from "@llm-router/router/telemetry/Span"

export const trace: Trace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  sampled: true,
  state: undefined,
  baggage: undefined,
  propagates: true,
  capturesContent: false,
  newSpanId: () => "b7ad6b7169203331",
  ended: () => undefined,
  clockOffset: 0
}
