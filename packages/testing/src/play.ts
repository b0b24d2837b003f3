/**
 * Plays a scripted behaviour on the wire as OpenRouter would.
 */
import { Effect } from "effect"
import { type Answer, answerOf, type WireUsage } from "./answer.ts"
import type { ChatAsk } from "./ask.ts"
import type { Exchange } from "./Exchange.ts"
import type { Behaviour, Form, StatusOptions } from "./script.ts"
import { comment, streamHeaders, writeData, writeEvent } from "./sse.ts"
import * as Wire from "./wire.ts"

/** One call of a fake model. */
export interface Call {
  readonly exchange: Exchange
  readonly ask: ChatAsk
  readonly identity: Wire.Identity
  /** Called right before an answer's usage is sent. */
  readonly charge: (usage: WireUsage) => void
  /** Which of a sequence's behaviours it is the turn of. */
  readonly turnOf: (sequence: Extract<Behaviour, { _tag: "Sequence" }>) => Behaviour
}

type Case<Tag extends Behaviour["_tag"]> = Extract<Behaviour, { _tag: Tag }>

const plainFraming = { newline: "\n", split: false } as const

/** Never ends by itself: the client leaves, or the server's scope closes. */
export const play = (call: Call, behaviour: Behaviour): Effect.Effect<void> => {
  const { exchange } = call
  switch (behaviour._tag) {
    case "Answer":
      return playAnswer(call, behaviour)
    case "Slow":
      return Effect.andThen(
        Effect.sleep(behaviour.millis),
        Effect.suspend(() => play(call, behaviour.next))
      )
    case "Sequence":
      return Effect.suspend(() => play(call, call.turnOf(behaviour)))
    case "Hang":
      return Effect.never
    case "HangAfterHeaders":
      return playSignsOfLife(call, behaviour.everyMillis)
    case "Reset":
      return exchange.reset
    case "Status":
      return playStatus(exchange, behaviour.code, behaviour.options)
    case "ErrorBody":
      return playErrorBody(call, behaviour)
    case "Raw":
      return exchange.send(behaviour.status, behaviour.contentType, behaviour.text)
    case "NoChoices":
      return playNoChoices(call)
    case "Endless":
      return playEndless(call, behaviour.everyMillis)
    case "Custom":
      return behaviour.respond(exchange, call.ask)
  }
}

const playAnswer = (call: Call, { form, options }: Case<"Answer">): Effect.Effect<void> => {
  const answer = answerOf(call.ask, options, form.breaks === undefined ? 0 : form.breaks.after + 1)
  return call.ask.stream && !form.json
    ? playStream(call, answer, form, options.chunkDelayMillis ?? 0)
    : playJson(call, answer, form)
}

const playStream = Effect.fnUntraced(function* (call: Call, answer: Answer, form: Form, delayMillis: number) {
  const { exchange, identity } = call
  const { usage } = answer
  const betweenEvents = form.comments === 0 ? Effect.void : writeEvent(exchange, comment, form)
  const send = (data: object) => Effect.andThen(betweenEvents, writeData(exchange, data, form))

  yield* exchange.head(200, streamHeaders)
  for (let sent = 1; sent < form.comments; sent++) yield* writeEvent(exchange, comment, form)
  yield* send(Wire.roleChunk(identity))
  for (const data of Wire.bodyChunks(identity, answer).slice(0, form.breaks?.after)) {
    if (delayMillis > 0) yield* Effect.sleep(delayMillis)
    yield* send(data)
  }
  if (form.breaks !== undefined) {
    if (form.breaks.how === "error") yield* send(Wire.errorChunk(identity, Wire.providerFailure))
    return yield* leave(exchange, form.breaks.how)
  }
  const usageWithFinish = form.usageInFinishChunk && form.finish ? usage : undefined
  if (usageWithFinish !== undefined) call.charge(usageWithFinish)
  if (form.finish) yield* send(Wire.finishChunk(identity, answer.finishReason, usageWithFinish))
  if (usage !== undefined && usageWithFinish === undefined) {
    call.charge(usage)
    yield* send(Wire.usageChunk(identity, usage))
  }
  if (form.done) yield* Effect.andThen(betweenEvents, writeEvent(exchange, "data: [DONE]", form))
  yield* exchange.end
})

const leave = (exchange: Exchange, how: "cut" | "end" | "error" | "stall"): Effect.Effect<void> => {
  switch (how) {
    case "cut":
      return exchange.cut
    case "stall":
      return Effect.never
    case "end":
    case "error":
      return exchange.end
  }
}

const playJson = Effect.fnUntraced(function* (call: Call, answer: Answer, form: Form) {
  const { exchange, identity } = call
  const how = form.breaks?.how
  if (how === "error") return yield* exchange.json(200, { error: Wire.providerFailure })
  if (how === "end") {
    return yield* exchange.json(200, Wire.completion(identity, { ...answer, usage: undefined }, null))
  }
  const body = Wire.completion(identity, answer, form.finish ? answer.finishReason : null)
  if (how === undefined) {
    if (answer.usage !== undefined) call.charge(answer.usage)
    return yield* exchange.json(200, body)
  }
  const bytes = Buffer.from(JSON.stringify(body))
  yield* exchange.head(200, { "content-type": "application/json", "content-length": bytes.length })
  yield* exchange.write(bytes.subarray(0, bytes.length >> 1))
  return yield* leave(exchange, how)
})

const playSignsOfLife = Effect.fnUntraced(function* ({ ask, exchange }: Call, everyMillis: number) {
  yield* exchange.head(200, ask.stream ? streamHeaders : { "content-type": "application/json" })
  const sign = ask.stream ? writeEvent(exchange, comment, plainFraming) : exchange.write("\n")
  return yield* Effect.forever(Effect.andThen(sign, Effect.sleep(everyMillis)))
})

const playEndless = Effect.fnUntraced(function* ({ ask, exchange, identity }: Call, everyMillis: number) {
  if (!ask.stream) {
    yield* exchange.head(200, { "content-type": "application/json" })
    return yield* Effect.forever(Effect.andThen(exchange.write(" "), Effect.sleep(everyMillis)))
  }
  yield* exchange.head(200, streamHeaders)
  yield* writeData(exchange, Wire.roleChunk(identity), plainFraming)
  for (let word = 1; ; word++) {
    yield* writeData(exchange, Wire.contentChunk(identity, ` word${word}`), plainFraming)
    if (everyMillis > 0) yield* Effect.sleep(everyMillis)
  }
})

const playStatus = (exchange: Exchange, code: number, options: StatusOptions): Effect.Effect<void> => {
  const { body, headers } = options
  if (typeof body === "string") return exchange.send(code, "text/plain; charset=utf-8", body, headers)
  if (body !== undefined) return exchange.json(code, body, headers)
  const error = {
    code,
    message: options.message ?? `The fake was told to answer ${code}`,
    ...(options.errorType === undefined ? {} : { metadata: { error_type: options.errorType } }),
    ...(options.availability === undefined ? {} : { availability: options.availability })
  }
  return exchange.json(code, { error }, headers)
}

const playErrorBody = Effect.fnUntraced(function* (call: Call, behaviour: Case<"ErrorBody">) {
  const { exchange } = call
  const { code, message, metadata } = behaviour
  const error = { code, message, ...(metadata === undefined ? {} : { metadata }) }
  if (!call.ask.stream) return yield* exchange.json(200, { error })
  yield* exchange.head(200, streamHeaders)
  yield* writeData(exchange, Wire.errorChunk(call.identity, error), plainFraming)
  return yield* exchange.end
})

const playNoChoices = Effect.fnUntraced(function* ({ ask, exchange, identity }: Call) {
  if (!ask.stream) return yield* exchange.json(200, Wire.completionWithoutChoices(identity))
  yield* exchange.head(200, streamHeaders)
  yield* writeData(exchange, Wire.noChoicesChunk(identity), plainFraming)
  yield* writeEvent(exchange, "data: [DONE]", plainFraming)
  return yield* exchange.end
})
