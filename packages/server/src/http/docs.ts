/** `/docs`: a page that renders the API. The renderer is 3 MB of JavaScript, loaded for whoever looks first. */
import { Api } from "@llm-router/api/Api"
import { Effect, Scope } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiScalar } from "effect/http-api"

export const DocsLive = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const scope = yield* Effect.scope
    const page = yield* HttpRouter.toHttpEffect(HttpApiScalar.layer(Api, { path: "/docs" })).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.cached
    )
    yield* router.add("GET", "/docs", Effect.flatten(page))
  })
)
