/**
 * One HTTP exchange with the upstream, as a bounded queue of the chunks that came: the reader's pace is the socket's
 * pace.
 */
import { detached } from "@llm-router/domain/detached"
import { Effect } from "effect"
import type { HeaderFields } from "../http1/headerFields.ts"
import { type Call, type Caller, failures } from "../http1/UpstreamConnection.ts"
import type { AnswerFacts, AnswerSoFar } from "../ModelClient.ts"
import { inStep } from "../steps.ts"
import type { Watchdog, Watched } from "../Watchdog.ts"

/** Unread bytes at which the socket is paused. */
const highWaterBytes = 64 * 1024

/** How long a finished answer's connection may take to end before it is closed instead of kept alive. */
const drainMillis = 1_000

/** The connection failed or a deadline passed. Turned into a `ModelError` by the client that knows the model. */
export class ExchangeError {
  readonly _tag = "ExchangeError"
  readonly cause: "network" | "queue" | "connect" | "first_token" | "idle" | "request"
  readonly message: string
  constructor(cause: ExchangeError["cause"], message: string) {
    this.cause = cause
    this.message = message
  }
}

/** Nothing came for the keep-alive interval; the exchange goes on. */
export const silence = Symbol("silence")
/** The answer is complete. */
export const end = Symbol("end")
export type Chunk = Buffer | typeof silence | typeof end

export interface ExchangeLimits {
  /** From the start of the attempt to what the reader accepts as the first token, in milliseconds. */
  readonly firstTokenMillis: number
  /** Between two chunks that bring the answer on, while the reader is waiting. */
  readonly idleMillis: number
  /** After this much silence behind the first token the reader gets `silence`. */
  readonly keepAliveMillis: number
  /** When the whole request is over, whatever came; by the watchdog's monotonic clock. */
  readonly requestDue: number
}

type Resume<A> = (effect: Effect.Effect<A, ExchangeError>) => void

/**
 * The connection calls the `on…` methods; the reader calls `take`. Everything happens on one thread, so plain fields are
 * the whole synchronisation.
 */
export class Exchange implements Caller, Watched, AnswerSoFar {
  status = 0
  headers: HeaderFields = {}
  /** What its reader has found out about the answer. */
  known: AnswerFacts | undefined

  readonly #watchdog: Watchdog["Service"]
  readonly #limits: ExchangeLimits
  readonly #chunks: Array<Buffer> = []
  #queuedBytes = 0
  #call: Call | undefined
  #opened: Resume<void> | undefined
  #reader: Resume<Chunk> | undefined
  #waking = false
  #failure: ExchangeError | undefined
  #ended = false
  #aborted = false
  #releasedAt: number | undefined
  #queueDue: number | undefined
  #firstTokenDue: number | undefined
  /** Since when the reader waits for the next chunk; a slow reader is not a silent upstream. */
  #waitingSince: number | undefined
  /** Milliseconds that it had waited before: since the answer came on, and since it last had something to tell. */
  #idleBefore = 0
  #silentBefore = 0

  constructor(watchdog: Watchdog["Service"], limits: ExchangeLimits) {
    this.#watchdog = watchdog
    this.#limits = limits
    this.#queueDue = watchdog.monotonic() + limits.firstTokenMillis
  }

  /** Makes the call whose answer this is. */
  begin(call: (caller: Caller) => Call): void {
    this.#watchdog.watch(this)
    this.#call = call(this)
  }

  get succeeded(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** OpenRouter's id of the answer, there before any of it is. */
  get generationId(): string | undefined {
    const id = this.headers["x-generation-id"]
    return id === undefined ? undefined : detached(id)
  }

  facts(): AnswerFacts | undefined {
    if (!this.succeeded) return undefined
    if (this.known !== undefined) return this.known
    const { generationId } = this
    return { complete: false, usage: undefined, answeredBy: undefined, generationId, textBytes: 0 }
  }

  onSent(): void {
    // From here on the time is the model's; before, it was spent waiting for a connection.
    this.#queueDue = undefined
    this.#firstTokenDue = this.#watchdog.monotonic() + this.#limits.firstTokenMillis
  }

  onHead(status: number, headers: HeaderFields): void {
    this.status = status
    this.headers = headers
    this.#wake()
  }

  onData(chunk: Buffer): void {
    if (this.#releasedAt !== undefined) return
    this.#chunks.push(chunk)
    this.#queuedBytes += chunk.length
    if (this.#queuedBytes >= highWaterBytes) this.#call?.pause()
    this.#wake()
  }

  onEnd(): void {
    this.#ended = true
    this.#watchdog.unwatch(this)
    this.#wake()
  }

  onFailure(code: string): void {
    this.#fail(
      new ExchangeError(
        code === failures.connectTimeout ? "connect" : "network",
        `The connection to the upstream failed (${code}).`
      )
    )
  }

  /** The watchdog's call: fails what is overdue, and tells a waiting reader of a long silence. */
  check(now: number): number {
    if (this.#releasedAt !== undefined) {
      if (now - this.#releasedAt >= drainMillis) this.abort()
      return this.#releasedAt + drainMillis
    }
    const { firstTokenMillis, idleMillis, keepAliveMillis, requestDue } = this.#limits
    // Whatever begins from now on is not due before.
    const soonest = Math.min(requestDue, now + Math.min(idleMillis, keepAliveMillis))
    if (now >= requestDue) return this.#giveUp("request", "The request took longer than it may.")
    // What has come waits to be heard: neither it nor the silence before it is late.
    if (this.#waking) return now
    if (this.#queueDue !== undefined) {
      if (now >= this.#queueDue) this.#giveUp("queue", "No connection to the upstream became free in time.")
      return Math.min(soonest, this.#queueDue)
    }
    if (this.#firstTokenDue !== undefined) {
      if (now >= this.#firstTokenDue) this.#giveUp("first_token", `No first token within ${firstTokenMillis} ms.`)
      return Math.min(soonest, this.#firstTokenDue)
    }
    const reader = this.#reader
    if (reader === undefined || this.#waitingSince === undefined) return soonest
    const idle = this.#idleBefore + now - this.#waitingSince
    const silent = this.#silentBefore + now - this.#waitingSince
    if (idle >= idleMillis) return this.#giveUp("idle", `Nothing of the answer came for ${idleMillis} ms.`)
    if (silent >= keepAliveMillis) {
      this.heard(false)
      this.#silentBefore = 0
      this.#reader = undefined
      reader(Effect.succeed(silence))
      return now
    }
    return Math.min(requestDue, now + idleMillis - idle, now + keepAliveMillis - silent)
  }

  /** Waits for the status and headers. */
  readonly opened: Effect.Effect<void, ExchangeError> = Effect.callback<void, ExchangeError>((resume) => {
    const known = this.#beginning()
    if (known !== undefined) return resume(known)
    this.#opened = resume
    return Effect.sync(() => this.abort())
  })

  /** A status says more than what broke off behind it. */
  #beginning(): Effect.Effect<void, ExchangeError> | undefined {
    if (this.status !== 0) return Effect.void
    return this.#failure && Effect.fail(this.#failure)
  }

  /** What has come and was not taken, where that is all there will be: nothing need be waited for. */
  get whole(): Buffer | undefined {
    if (!this.#ended) return undefined
    const [first, second] = this.#chunks
    return first !== undefined && second === undefined ? first : Buffer.concat(this.#chunks)
  }

  /** What has come since the last `take`. Interrupting the reader aborts the exchange. */
  readonly take: Effect.Effect<Chunk, ExchangeError> = Effect.suspend(() => this.#arrived() ?? this.#wait)

  readonly #wait: Effect.Effect<Chunk, ExchangeError> = Effect.callback<Chunk, ExchangeError>((resume) => {
    this.#reader = resume
    this.#waitingSince = this.#watchdog.monotonic()
    // A silence that goes on is over before one that begins now.
    if (this.#idleBefore + this.#silentBefore > 0) this.#watchdog.watch(this)
    return Effect.sync(() => this.abort())
  })

  /** Chunks first, then what ended them; `undefined` while there is nothing. */
  #arrived(): Effect.Effect<Chunk, ExchangeError> | undefined {
    const [first, second] = this.#chunks
    if (first !== undefined) {
      const chunk = second === undefined ? first : Buffer.concat(this.#chunks, this.#queuedBytes)
      this.#chunks.length = 0
      this.#queuedBytes = 0
      if (this.#call?.paused === true) this.#call.resume()
      return Effect.succeed(chunk)
    }
    if (this.#failure !== undefined) return Effect.fail(this.#failure)
    return this.#ended ? Effect.succeed(end) : undefined
  }

  /**
   * Resumes the reader once the parser has gone through all it has: what came before its
   * turn is one chunk.
   */
  #wake(): void {
    if (this.#waking || (this.#reader === undefined && this.#opened === undefined)) return
    this.#waking = true
    inStep("hear", () => {
      this.#waking = false
      const opened = this.#opened
      this.#opened = undefined
      if (opened !== undefined) return opened(this.#beginning() ?? Effect.void)
      const reader = this.#reader
      const arrived = reader === undefined ? undefined : this.#arrived()
      if (reader === undefined || arrived === undefined) return
      this.#reader = undefined
      reader(arrived)
    })
  }

  /** The reader has its first token: from now on the limit is the silence between chunks. */
  firstTokenSeen(): void {
    this.#firstTokenDue = undefined
    this.heard(true)
  }

  /**
   * What the reader makes of the chunk that it took: whether the answer came on, and whether it has something to tell.
   * A silence that a chunk did not end goes on once the reader is back.
   */
  heard(progress: boolean, event = progress): void {
    const since = this.#waitingSince
    const waited = event || since === undefined ? 0 : this.#watchdog.monotonic() - since
    this.#idleBefore = progress ? 0 : this.#idleBefore + waited
    this.#silentBefore = event ? 0 : this.#silentBefore + waited
    this.#waitingSince = undefined
  }

  /**
   * The reader needs no more. What is left is read and dropped, so that the connection can be used again; one that
   * does not end soon is closed.
   */
  release(): void {
    if (this.#ended || this.#failure !== undefined || this.#releasedAt !== undefined) return
    this.#releasedAt = this.#watchdog.monotonic()
    this.#watchdog.watch(this, this.#releasedAt + drainMillis)
    this.#chunks.length = 0
    if (this.#call?.paused === true) this.#call.resume()
  }

  /** The request is over: closes the connection unless its reader had all it wanted. */
  leave(): void {
    if (this.#releasedAt === undefined) this.abort()
  }

  /** Closes the connection if the answer is not complete. */
  abort(): void {
    this.#watchdog.unwatch(this)
    if (this.#ended || this.#aborted) return
    this.#aborted = true
    this.#call?.abort()
  }

  /** There is nothing more to ask it about. */
  #giveUp(cause: ExchangeError["cause"], message: string): number {
    this.#fail(new ExchangeError(cause, message))
    this.abort()
    return Infinity
  }

  #fail(error: ExchangeError): void {
    if (this.#failure !== undefined || this.#ended) return
    this.#failure = error
    this.#watchdog.unwatch(this)
    this.#wake()
  }
}
