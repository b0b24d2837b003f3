/**
 * What the collector builder is told: the components that a configuration names, and no other, so that it builds in
 * minutes. The image `otel/opentelemetry-collector-contrib` of the same version has them all.
 */
import { createHash } from "node:crypto"

/** Of the collector, its components and the image in docker/compose.yaml. */
export const collectorVersion = "0.161.0"
/** Of the collector's stable modules in the same release. */
const stableVersion = "1.67.0"

const core = "go.opentelemetry.io/collector"
const contrib = "github.com/open-telemetry/opentelemetry-collector-contrib"

/** Go modules by kind and type of component. */
const modules: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  receivers: {
    otlp: `${core}/receiver/otlpreceiver`,
    fluent_forward: `${contrib}/receiver/fluentforwardreceiver`
  },
  processors: {
    memory_limiter: `${core}/processor/memorylimiterprocessor`,
    batch: `${core}/processor/batchprocessor`,
    attributes: `${contrib}/processor/attributesprocessor`,
    redaction: `${contrib}/processor/redactionprocessor`,
    transform: `${contrib}/processor/transformprocessor`,
    tail_sampling: `${contrib}/processor/tailsamplingprocessor`
  },
  connectors: { span_metrics: `${contrib}/connector/spanmetricsconnector` },
  exporters: {
    otlp_grpc: `${core}/exporter/otlpexporter`,
    otlp_http: `${core}/exporter/otlphttpexporter`,
    prometheus: `${contrib}/exporter/prometheusexporter`
  },
  extensions: { health_check: `${contrib}/extension/healthcheckextension` }
}

const providers = ["envprovider", "fileprovider", "yamlprovider"].map((name) => `${core}/confmap/provider/${name}`)

/** A collector's configuration, as far as it names components: `kind: {type/name: …}`. */
export type Configuration = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>

/** The components' Go modules by kind; a type without a module is given as it is, so that the builder names it. */
const modulesFor = (kind: string, configurations: ReadonlyArray<Configuration>): ReadonlyArray<string> => {
  const types = configurations.flatMap((configuration) =>
    Object.keys(configuration[kind] ?? {}).map((id) => id.split("/")[0] ?? id)
  )
  return [...new Set(types)].toSorted().map((type) => modules[kind]?.[type] ?? type)
}

/** The builder's manifest, in JSON (which is YAML too). */
export const manifestFor = (configurations: ReadonlyArray<Configuration>): string =>
  JSON.stringify({
    dist: { name: "otelcol", output_path: "./build", version: collectorVersion },
    ...Object.fromEntries(
      Object.keys(modules).map((kind) => [
        kind,
        modulesFor(kind, configurations).map((module) => ({ gomod: `${module} v${collectorVersion}` }))
      ])
    ),
    providers: providers.map((module) => ({ gomod: `${module} v${stableVersion}` }))
  })

/** The builder itself. */
export const builderModule = `${core}/cmd/builder@v${collectorVersion}`

/** Names the collector that a manifest makes. */
export const collectorName = (manifest: string): string =>
  `otelcol-${collectorVersion}-${createHash("sha256").update(manifest).digest("hex").slice(0, 12)}`
