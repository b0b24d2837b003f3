/** Every question that the dashboard asks of Prometheus. */
import { dashboard } from "../src/dashboard.ts"

export interface Question {
  readonly panel: string
  readonly expression: string
}

/** What a panel asks: PromQL, or TraceQL. */
interface Target {
  readonly expr?: string
  readonly query?: string
}

/** Panels, without the headings between them. */
export const panels = () =>
  (dashboard().panels ?? []).flatMap((panel) =>
    // The SDK's type of a target is that of any data source.
    "targets" in panel ? [{ ...panel, targets: (panel.targets ?? []) as ReadonlyArray<Target> }] : []
  )

export const questions = (): ReadonlyArray<Question> =>
  panels().flatMap(({ targets, title = "" }) =>
    targets.flatMap(({ expr }) => (expr === undefined ? [] : [{ panel: title, expression: expr }]))
  )

/** Attributes of spans that the searches in Tempo, and the links to it, ask for. */
export const searchedAttributes = (): ReadonlySet<string> => {
  const searches = panels().flatMap(({ targets }) => targets.flatMap(({ query }) => query ?? []))
  const links = [...JSON.stringify(dashboard()).matchAll(/%7B%20span\.([\w.]+)/g)]
  return new Set(
    [...searches.flatMap((search) => [...search.matchAll(/span\.([\w.]+)/g)]), ...links].map(([, name = ""]) => name)
  )
}
