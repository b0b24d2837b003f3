/**
 * What a fake server saw, and waiting for it without polling.
 */
import type { IncomingHttpHeaders } from "node:http"
import { Effect } from "effect"
import type { Exchange } from "./Exchange.ts"

export interface RecordedRequest {
  /** The `model` of a JSON body, else empty. */
  readonly model: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The body parsed; `undefined` when it is not JSON. */
  readonly json: unknown
  /** `performance.now()` when the headers were here. */
  readonly receivedAt: number
  /** The client closed before the response ended. */
  readonly aborted: boolean
  /** `performance.now()`. */
  readonly abortedAt?: number
  /** The whole response was handed over. */
  readonly completed: boolean
}

type Predicate = (request: RecordedRequest) => boolean

const parsed = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

const modelOf = (json: unknown): string =>
  typeof json === "object" && json !== null && "model" in json && typeof json.model === "string" ? json.model : ""

export class Recorder {
  #entries = new Map<Exchange, RecordedRequest>()
  readonly #waiting = new Set<() => void>()

  readonly onRequest = (exchange: Exchange): void => {
    const json = parsed(exchange.body)
    this.#record(exchange, {
      model: modelOf(json),
      method: exchange.request.method ?? "",
      path: exchange.path,
      headers: exchange.request.headers,
      body: exchange.body,
      json,
      receivedAt: exchange.receivedAt,
      aborted: false,
      completed: false
    })
  }

  readonly onClose = (exchange: Exchange): void => {
    const entry = this.#entries.get(exchange)
    if (entry === undefined) return
    if (exchange.response.writableFinished) this.#record(exchange, { ...entry, completed: true })
    else if (!exchange.broken) this.#record(exchange, { ...entry, aborted: true, abortedAt: performance.now() })
  }

  /** As they stand now, in the order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>> = Effect.sync(() => [...this.#entries.values()])

  readonly clear: Effect.Effect<void> = Effect.sync(() => {
    this.#entries = new Map()
  })

  /** Waits until `count` requests fulfil the predicate, and gives all that do. */
  awaitSome(predicate: Predicate, count: number): Effect.Effect<ReadonlyArray<RecordedRequest>> {
    return Effect.callback((resume) => {
      const look = (): void => {
        const found = [...this.#entries.values()].filter(predicate)
        if (found.length < count) return
        this.#waiting.delete(look)
        resume(Effect.succeed(found))
      }
      this.#waiting.add(look)
      look()
      return Effect.sync(() => this.#waiting.delete(look))
    })
  }

  #record(exchange: Exchange, request: RecordedRequest): void {
    this.#entries.set(exchange, request)
    for (const look of this.#waiting) look()
  }
}
