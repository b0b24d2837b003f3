/** The files that are deployed fit one another. */
import { expect, test } from "vitest"
import { collectorVersion } from "../src/collector/manifest.ts"
import { textOf, yamlOf } from "./files.ts"

const compose = yamlOf("docker/compose.yaml")

interface Service {
  readonly image: string
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
}

const services: ReadonlyArray<readonly [string, Service]> = Object.entries(compose.services)

test("every port is open to this machine only, and no port twice", () => {
  const ports = services.flatMap(([, { ports: published = [] }]) => published)
  expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([])
  expect(new Set(ports).size).toBe(ports.length)
})

test("every image has a version, the collector that of its tests", () => {
  expect(services.filter(([, { image }]) => !/:v?\d+\.\d+\.\d+$/.test(image))).toEqual([])
  expect(compose.services["otel-collector"].image).toBe(`otel/opentelemetry-collector-contrib:${collectorVersion}`)
  expect(textOf("otel-collector.yaml")).toContain(`otel/opentelemetry-collector-contrib:${collectorVersion}`)
})

test("every file that is mounted is there, every volume is declared", () => {
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":")[0] ?? ""))
  for (const file of mounts.filter((mount) => /^\..*\.ya?ml$/.test(mount))) {
    expect(yamlOf(`docker/${file}`)).toBeTypeOf("object")
  }
  const named = mounts.filter((mount) => !mount.startsWith("."))
  expect(named.filter((name) => !(name in compose.volumes))).toEqual([])
})

test("services are asked where they are", () => {
  const collector = yamlOf("otel-collector.yaml")
  const addressOf = (text: string) => /:-(?:http:\/\/)?([^}/]+)/.exec(text)?.[1] ?? ""
  const tempo = yamlOf("docker/tempo/tempo.yaml")
  const portOf = (text: string) => text.split(":").at(-1)
  expect(addressOf(collector.exporters["otlp_grpc/tempo"].endpoint)).toBe(
    `tempo:${portOf(tempo.distributor.receivers.otlp.protocols.grpc.endpoint)}`
  )
  expect(addressOf(collector.exporters["otlp_http/loki"].endpoint)).toBe(
    `loki:${yamlOf("docker/loki/loki.yaml").server.http_listen_port}`
  )
  const targets = textOf("docker/prometheus/prometheus.yml")
  expect(targets).toContain(`otel-collector:${portOf(addressOf(collector.exporters.prometheus.endpoint))}`)
  const { datasources } = yamlOf("docker/grafana/provisioning/datasources/datasources.yaml")
  expect(datasources.map(({ url }: { url: string }) => url)).toEqual([
    "http://prometheus:9090",
    `http://tempo:${tempo.server.http_listen_port}`,
    "http://loki:3100"
  ])
})

/** Names of settings, each with the value that the line gives it. */
const assignments = (text: string): ReadonlyMap<string, string> =>
  new Map(
    [...text.matchAll(/^(?:# |ENV +| +)?([A-Z][A-Z0-9_]*)=(\S*)/gm)].map(([, name = "", value = ""]) => [name, value])
  )

test("every setting of .env reaches the router in its container, but for those that the container decides", () => {
  const { env_file: files = [], environment } = compose.services.router
  // Paths are from the compose file.
  expect(files).toEqual([{ path: "../.env", required: false }])
  const settings = [...assignments(textOf(".env.example")).keys()]
  expect(settings.length).toBeGreaterThan(50)
  // What stands in `environment` wins over the file, an empty value too.
  const isPassed = (name: string) => new RegExp(`^\\$\\{${name}:[?-].+\\}$`).test(environment[name])
  expect(settings.filter((name) => name in environment && !isPassed(name))).toEqual([
    "OLLAMA_BASE_URL",
    "HOST",
    "PORT",
    "ROUTER_CONFIG_PATH",
    "LEDGER_PATH",
    "MODEL_LIST_PATH"
  ])
})

test("what the image sets, a .env of this machine does not change", () => {
  const { environment } = compose.services.router
  const image = [...assignments(textOf("docker/Dockerfile"))].filter(([name]) => name !== "NODE_ENV")
  expect(image.length).toBeGreaterThan(0)
  for (const [name, value] of image) expect(String(environment[name])).toBe(value)
})
