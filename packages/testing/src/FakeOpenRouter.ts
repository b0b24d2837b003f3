/**
 * OpenRouter for tests: a real server whose models do what a script says, and which remembers what it was asked.
 */
import type { PicoDollars } from "@llm-router/domain/Money"
import { Context, Effect, Layer } from "effect"
import { catalogue } from "./catalogue.ts"
import { type GenerationScript, openRouterServer, type Scripted } from "./openRouterServer.ts"
import { type RecordedRequest, Recorder } from "./Recorder.ts"
import { type Behaviour, ok } from "./script.ts"

type Requests = Effect.Effect<ReadonlyArray<RecordedRequest>>

export class FakeOpenRouter extends Context.Service<
  FakeOpenRouter,
  {
    /** The base URL, `http://127.0.0.1:port/api/v1`. */
    readonly url: string
    /** What a model does from now on. */
    readonly script: (model: string, behaviour: Behaviour) => Effect.Effect<void>
    /** What every model without a script of its own does. A sequence counts the calls of all of them together. */
    readonly scriptAll: (behaviour: Behaviour) => Effect.Effect<void>
    /** What `GET /models` lists; the README's models at first. */
    readonly models: (list: ReadonlyArray<object>) => Effect.Effect<void>
    /** What `GET /generation` says of answers that ended before their usage was sent. */
    readonly generations: (script: GenerationScript) => Effect.Effect<void>
    /** Waits until `count` (1) records of generations were asked for; gives all those requests. */
    readonly awaitGenerations: (count?: number) => Requests
    /** Forgets scripts, requests, charges and the list of models. */
    readonly reset: Effect.Effect<void>
    /** Everything asked so far, in the order of arrival. */
    readonly requests: Requests
    readonly requestsFor: (model: string) => Requests
    /** Waits until `count` (1) chat completions, of `model` if given, arrived; gives all of them. */
    readonly awaitRequest: (model?: string, count?: number) => Requests
    /** Waits until `count` (1) requests were left by their client; gives all of them. */
    readonly awaitAborted: (count?: number) => Requests
    /** Waits until `count` (1) responses were handed over to the end; gives their requests. */
    readonly awaitCompleted: (count?: number) => Requests
    /** The sum of every `usage.cost` that was sent. */
    readonly charged: Effect.Effect<PicoDollars>
  }
>()("testing/FakeOpenRouter") {
  static readonly layer = Layer.effect(
    FakeOpenRouter,
    Effect.gen(function* () {
      const recorder = new Recorder()
      const scripts = new Map<string, Scripted>()
      let others = scripted(ok())
      let models: ReadonlyArray<object> = catalogue
      let charged: PicoDollars = 0n
      let generation: GenerationScript = {}

      const url = yield* Effect.orDie(
        openRouterServer({
          scriptFor: (ask) => scripts.get(ask.model) ?? others,
          models: () => models,
          generation: () => generation,
          onCharge: (cost) => {
            charged += cost
          },
          onRequest: recorder.onRequest,
          onClose: recorder.onClose
        })
      )

      return FakeOpenRouter.of({
        url,
        script: (model, behaviour) => Effect.sync(() => void scripts.set(model, scripted(behaviour))),
        scriptAll: (behaviour) =>
          Effect.sync(() => {
            others = scripted(behaviour)
          }),
        models: (list) =>
          Effect.sync(() => {
            models = list
          }),
        generations: (script) =>
          Effect.sync(() => {
            generation = script
          }),
        awaitGenerations: (count = 1) => recorder.awaitSome(({ path }) => path === "/api/v1/generation", count),
        reset: Effect.andThen(
          Effect.sync(() => {
            generation = {}
            scripts.clear()
            others = scripted(ok())
            models = catalogue
            charged = 0n
          }),
          recorder.clear
        ),
        requests: recorder.requests,
        requestsFor: (model) =>
          Effect.map(recorder.requests, (requests) => requests.filter((request) => request.model === model)),
        awaitRequest: (model, count = 1) =>
          recorder.awaitSome(
            (request) =>
              request.path === "/api/v1/chat/completions" && (model === undefined || request.model === model),
            count
          ),
        awaitAborted: (count = 1) => recorder.awaitSome((request) => request.aborted, count),
        awaitCompleted: (count = 1) => recorder.awaitSome((request) => request.completed, count),
        charged: Effect.sync(() => charged)
      })
    })
  )
}

const scripted = (behaviour: Behaviour): Scripted => ({ behaviour, turns: new Map() })
