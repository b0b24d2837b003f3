/** What the load generator is asked, and what it reports: both pass between processes. */

export interface Job {
  readonly port: number
  /** The request's bytes; where `place` is, each request gets a number of its own, so that no two are alike. */
  readonly request: string
  readonly place: string
  /**
   * `closed`: each connection sends when it has its answer. `open`: requests start at their times, whether or not
   * earlier ones are answered. `held`: each connection keeps one stream.
   */
  readonly pace:
    | { readonly kind: "closed"; readonly connections: number; readonly most?: number }
    | { readonly kind: "open"; readonly perSecond: number; readonly seed: number }
    | { readonly kind: "held"; readonly streams: number }
  readonly seconds: number
  /** Events with content that each stream must have; 0 where the answer is no stream. */
  readonly events: number
}

/** Milliseconds. */
export interface Distribution {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface Report {
  /** Complete answers within the time, per second. */
  readonly perSecond: number
  /** Complete answers in all, late ones included. */
  readonly answers: number
  readonly faults: Readonly<Record<string, number>>
  /** From the start of a request to the last byte of its answer. */
  readonly latency: Distribution | undefined
  /** To the first byte of the answer's body. */
  readonly first: Distribution | undefined
  /** Events with content for each read of the socket; 1 where each came by itself. */
  readonly eventsPerRead: number | undefined
  /** Reads of the socket that brought content, in all: the chunks of held streams. */
  readonly reads: number
}

export type Asked = { readonly ask: "prepare"; readonly job: Job } | { readonly ask: "go" } | { readonly ask: "close" }
export type Told = { readonly told: "ready" | "closed" } | { readonly told: "report"; readonly report: Report }
