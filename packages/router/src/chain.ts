/**
 * Which models to try for a request, in which order, and which to leave out because they cannot serve it.
 */
import { type ChatRequest, estimatedInputTokens, hasImages } from "@llm-router/domain/ChatRequest"
import type { SkippedModel } from "@llm-router/domain/RouterError"
import type { ModelCatalogue, ModelFacts } from "./ModelCatalogue.ts"

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
type KnownModels = Pick<ModelCatalogue["Service"], "isGone" | "lookup">

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
    if (catalogue.isGone(model)) {
      gone.push(model)
      continue
    }
    const facts = catalogue.lookup(model)
    const obstacle = facts && obstacleOf(facts, needs)
    if (obstacle === undefined) usable.push(model)
    else skipped.push({ model, ...obstacle })
  }
  if (gone.length === models.length) return { models: gone, skipped }
  for (const model of gone) skipped.push({ model, cause: "capability", reason: "not in OpenRouter's model list" })
  return { models: usable, skipped }
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
