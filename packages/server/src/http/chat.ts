/** What clients call beside chat requests, which `completions.ts` takes before they come here. */
import { Api } from "@llm-router/api/Api"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { unrouted } from "./edge.ts"
import { modelList, oneOf } from "./models.ts"

/** The path is a chat request's for the framework alone, which reads `/v1/chat%2fcompletions` as one. */
const misspelt = ({ request }: { readonly request: HttpServerRequest.HttpServerRequest }) =>
  Effect.succeed(unrouted(request))

export const ChatHandlers = HttpApiBuilder.group(
  Api,
  "chat",
  Effect.fn(function* (handlers) {
    const models = yield* modelList
    const model = ({ params }: { readonly params: { readonly provider: string; readonly "*"?: string } }) =>
      oneOf(models, params["*"] ? `${params.provider}/${params["*"]}` : params.provider)
    return handlers
      .handleRaw("completions", misspelt)
      .handleRaw("completionsAlias", misspelt)
      .handleRaw("route", misspelt)
      .handle("models", () => models)
      .handle("modelsAlias", () => models)
      .handle("model", model)
      .handle("modelAlias", model)
  })
)
