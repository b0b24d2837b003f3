/**
 * Which models to try for a request, in which order, and which to leave out because they cannot serve it.
 */
import { type ChatRequest, estimatedInputTokens, hasImages } from "@llm-router/domain/ChatRequest"
import type { SkippedModel } from "@llm-router/domain/RouterError"
import type { ModelFacts } from "./ModelCatalogue.ts"

/** What a model must be able to do for a request. */
export interface Needs {
  readonly inputTokens: number
  readonly tools: boolean
  readonly images: boolean
}

export const needsOf = (request: ChatRequest): Needs => ({
  inputTokens: estimatedInputTokens(request),
  tools: request.tools.length > 0 && !request.toolsForbidden,
  images: hasImages(request)
})

/** The model list, as far as it is known. */
export interface KnownModels {
  readonly known: () => boolean
  readonly lookup: (model: string) => ModelFacts | undefined
}

export interface Chain {
  readonly models: ReadonlyArray<string>
  readonly skipped: ReadonlyArray<SkippedModel>
}

const obstacleOf = (facts: ModelFacts, needs: Needs): Pick<SkippedModel, "cause" | "reason"> | undefined => {
  if (facts.contextLength !== undefined && facts.contextLength < needs.inputTokens) {
    return { cause: "context", reason: `context ${facts.contextLength} < ${needs.inputTokens}` }
  }
  if (needs.tools && !facts.tools) return { cause: "capability", reason: "no tools" }
  if (needs.images && !facts.images) return { cause: "capability", reason: "no images" }
  return undefined
}

/** The models worth trying. A list that knows none of them is no reason to try none: it may be another upstream's. */
export const chainFor = (models: ReadonlyArray<string>, needs: Needs, catalogue: KnownModels): Chain => {
  const usable: Array<string> = []
  const gone: Array<string> = []
  const skipped: Array<SkippedModel> = []
  for (const model of models) {
    const facts = catalogue.lookup(model)
    if (facts === undefined) {
      if (catalogue.known()) gone.push(model)
      else usable.push(model)
      continue
    }
    const obstacle = obstacleOf(facts, needs)
    if (obstacle === undefined) usable.push(model)
    else skipped.push({ model, ...obstacle })
  }
  return usable.length === 0
    ? { models: gone, skipped }
    : {
        models: usable,
        skipped: [
          ...skipped,
          ...gone.map((model): SkippedModel => ({
            model,
            cause: "capability",
            reason: "not in OpenRouter's model list"
          }))
        ]
      }
}

/** After "context too long": the models that are known to take more than the one that refused come first. */
export const largerContextFirst = (
  refused: string,
  rest: ReadonlyArray<string>,
  catalogue: KnownModels
): ReadonlyArray<string> => {
  const limit = catalogue.lookup(refused)?.contextLength ?? 0
  const isLarger = (model: string) => (catalogue.lookup(model)?.contextLength ?? 0) > limit
  return [...rest.filter(isLarger), ...rest.filter((model) => !isLarger(model))]
}
