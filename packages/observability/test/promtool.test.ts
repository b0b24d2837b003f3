/** Prometheus' own judgement of its configuration, of the alerts and of every question of the dashboard. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { alerts, pathOf, yamlOf } from "./files.ts"
import { isInstalled } from "./programs.ts"
import { filledIn } from "./promql.ts"
import { questions } from "./queries.ts"

const isMissing = !isInstalled("promtool")
if (isMissing) process.emitWarning("promtool's tests are skipped: it is not installed (apt-get install prometheus)")

const promtool = (...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync("promtool", args)
  return { status, said: `${stdout}${stderr}` }
}

const testFiles = ["docker/prometheus/alerts.test.yml", "docker/prometheus/alerts-day.test.yml"]

const succeeds = { status: 0, said: expect.not.stringContaining("FAILED") }

describe.skipIf(isMissing)("promtool", { timeout: 60_000 }, () => {
  test("takes the configuration, and the rules that it names", () => {
    expect(promtool("check", "config", pathOf("docker/prometheus/prometheus.yml"))).toEqual(succeeds)
    expect(promtool("check", "rules", pathOf("docker/prometheus/alerts.yml"))).toEqual(succeeds)
  })

  test("sees every alert fire when it should, and none when all is well", () => {
    expect(promtool("test", "rules", ...testFiles.map(pathOf))).toEqual(succeeds)
  })

  test("takes every question of the dashboard", () => {
    const directory = mkdtempSync(join(tmpdir(), "llm-router-rules-"))
    const file = join(directory, "questions.yml")
    const rules = questions().map(({ expression }, index) => ({ record: `q${index}`, expr: filledIn(expression) }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: "questions", rules }] }))
    expect(promtool("check", "rules", file)).toEqual(succeeds)
    rmSync(directory, { recursive: true })
  })
})

test("every alert is seen firing", () => {
  interface Case {
    readonly alert_rule_test?: ReadonlyArray<{ alertname: string; exp_alerts: ReadonlyArray<unknown> }>
  }
  const seen = new Set(
    testFiles
      .flatMap((file) => yamlOf(file).tests)
      .flatMap(({ alert_rule_test = [] }: Case) =>
        alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname)
      )
  )
  expect(alerts().filter(({ name }) => !seen.has(name))).toEqual([])
})
