/** A real Prometheus under our configuration, and its API. */
import { copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { pathOf, textOf } from "./files.ts"
import { eventually, freePorts, running, temporaryDirectory } from "./programs.ts"

/** Our file with other targets, asked more often: a test has no minutes. */
const configurationFor = (targets: Readonly<Record<string, string>>): string =>
  Object.entries(targets).reduce(
    (text, [target, other]) => text.replaceAll(target, other),
    textOf("docker/prometheus/prometheus.yml").replaceAll(/_interval: 15s/g, "_interval: 1s")
  )

interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** Serves until the scope closes. */
export const startPrometheus = Effect.fnUntraced(function* (targets: Readonly<Record<string, string>>) {
  const directory = yield* temporaryDirectory
  const [port = 0] = yield* freePorts(1)
  writeFileSync(join(directory, "prometheus.yml"), configurationFor(targets))
  copyFileSync(pathOf("docker/prometheus/alerts.yml"), join(directory, "alerts.yml"))
  const url = `http://127.0.0.1:${port}`
  yield* running(
    "prometheus",
    [
      `--config.file=${join(directory, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
      "--log.level=error"
    ],
    {},
    `${url}/-/ready`
  )

  /** The assertions on an answer are its types. */
  const api = (path: string, parameters: Readonly<Record<string, string>> = {}) =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`, { signal })
      return JSON.parse(await response.text())
    })

  /** The series that answer a question now; those that are no number, as 0/0, are none. */
  const ask = (query: string): Effect.Effect<ReadonlyArray<Series>> =>
    Effect.map(api("query", { query }), ({ data, error, status }) => {
      if (status !== "success") throw new Error(`${query}: ${error}`)
      return data.result.filter(({ value }: Series) => value[1] !== "NaN")
    })

  return {
    api,
    ask,
    awaitAnswer: (query: string) =>
      eventually(
        query,
        Effect.map(ask(query), (found) => (found.length === 0 ? undefined : found))
      )
  }
})

export type Prometheus = Effect.Success<ReturnType<typeof startPrometheus>>
