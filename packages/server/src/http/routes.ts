/** Every path of the API, by its template: what may be asked there, and what metrics call it. */
import { Api } from "@llm-router/api/Api"

export interface Route {
  /** As OpenAPI writes it, such as `/config/category/{name}`. */
  readonly template: string
  /** Takes the paths of the template, and nothing else. */
  readonly pattern: RegExp
  readonly methods: ReadonlySet<string>
}

export const routes: ReadonlyArray<Route> = (() => {
  const methods = new Map<string, Set<string>>([
    ["/openapi.json", new Set(["GET"])],
    ["/docs", new Set(["GET"])]
  ])
  for (const group of Object.values(Api.groups)) {
    for (const endpoint of Object.values(group.endpoints)) {
      const known = methods.get(endpoint.path) ?? new Set()
      methods.set(endpoint.path, known.add(endpoint.method))
    }
  }
  // `*` takes the rest of a path, or nothing: parts with a slash between each two.
  return [...methods].map(([path, known]) => ({
    template: path.replace("/*", "/{model}").replace(/:(\w+)/g, "{$1}"),
    pattern: new RegExp(
      `^${path.replace(/[.]/g, "\\.").replace("/*", "(?:/(?:[^/]+(?:/[^/]+)*)?)?").replace(/:\w+/g, "[^/]+")}$`
    ),
    methods: known
  }))
})()

const plain: ReadonlySet<string> = new Set(routes.map(({ template }) => template).filter((path) => !path.includes("{")))

/**
 * The template of a URL's path; empty when there is nothing. Letter by letter: what a proxy's rule for `/config` does not
 * take, such as `/Config` or `//config`, is not `/config` here either.
 */
export const routeOf = (url: string): string => {
  if (plain.has(url)) return url
  const query = url.indexOf("?")
  const path = query < 0 ? url : url.slice(0, query)
  return plain.has(path) ? path : (routes.find(({ pattern }) => pattern.test(path))?.template ?? "")
}
