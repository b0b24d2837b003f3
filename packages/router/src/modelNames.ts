/** Names of models that OpenRouter takes beside those of its list (its documentation, "Model variants" and "Presets"). */

/** `~vendor/name-latest` is an alias and `@preset/name` the account's own: no list has them. */
export const isNeverListed = (model: string): boolean => model.startsWith("~") || model.startsWith("@")

/**
 * The model of which a name is a variant, such as `openai/gpt-4o` of `openai/gpt-4o:nitro`: the same model, by providers
 * that are chosen otherwise. A `:free` variant is an offer of its own, and stands in the list itself or has ended.
 */
export const variantOf = (model: string): string | undefined => {
  const colon = model.indexOf(":")
  return colon < 0 || model.endsWith(":free") ? undefined : model.slice(0, colon)
}
