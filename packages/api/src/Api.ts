/**
 * The whole HTTP API. Handlers, the OpenAPI document, the docs page and typed clients come from this declaration.
 */
import { HttpApi, OpenApi } from "effect/http-api"
import { ChatApi } from "./ChatApi.ts"
import { ConfigApi } from "./ConfigApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { MetricsApi } from "./MetricsApi.ts"
import { UsageApi } from "./UsageApi.ts"

/** The router's wildcard takes model ids with their slash; OpenAPI knows parameters with a name only. */
const withNamedWildcards = (document: Record<string, unknown>): OpenApi.OpenAPISpec =>
  JSON.parse(JSON.stringify(document).replaceAll('/*":{', '/{model}":{').replaceAll('"name":"*"', '"name":"model"'))

/** The wildcard takes the path before it too, which no endpoint can then declare: it resets all circuits. */
const withBareReset = ({ paths, ...document }: OpenApi.OpenAPISpec): Record<string, unknown> => {
  const post = paths["/circuit-breaker/reset-all"]?.post
  const reset = { post: { ...post, operationId: "config.resetEveryCircuit" } }
  return { ...document, paths: { ...paths, "/circuit-breaker/reset": reset } }
}

export class Api extends HttpApi.make("llm-router")
  .add(ChatApi)
  .add(ConfigApi)
  .add(MetricsApi)
  .add(UsageApi)
  .add(HealthApi)
  .annotateMerge(
    OpenApi.annotations({
      title: "LLM Router",
      version: "1.0.0",
      description: "An OpenAI-compatible service that sends each request to the models that suit its task.",
      transform: (document) => withBareReset(withNamedWildcards(document))
    })
  ) {}
