/** The files that people deploy, as the tests read them. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const root = new URL("../../../", import.meta.url)

export const pathOf = (file: string): string => fileURLToPath(new URL(file, root))

export const textOf = (file: string): string => readFileSync(pathOf(file), "utf8")

/** YAML; the assertions on it are its types. */
export const yamlOf = (file: string) => parse(textOf(file))

export interface Alert {
  readonly name: string
  readonly expression: string
  readonly runbook: string
}

export const alerts = (): ReadonlyArray<Alert> =>
  yamlOf("docker/prometheus/alerts.yml").groups.flatMap(
    ({ rules }: { readonly rules: ReadonlyArray<{ alert: string; expr: string; annotations: { runbook: string } }> }) =>
      rules.map(({ alert, annotations, expr }) => ({ name: alert, expression: expr, runbook: annotations.runbook }))
  )
