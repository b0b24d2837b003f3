import { Redacted, Result } from "effect"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { envExample, helpText, infoAskedBy, loadSettings, settingsView } from "../src/settings.ts"
import { settingsTable } from "../src/settingsTable.ts"

type From = Partial<Parameters<typeof loadSettings>[0]>

const load = (from: From) => loadSettings({ env: {}, args: [], ...from })
const loaded = (from: From) => Result.getOrThrow(load(from))
const problemsOf = (from: From) => Result.getOrThrow(Result.flip(load(from))).message.split("\n")

describe("the table", () => {
  it("names each setting's key after its environment name", () => {
    const keyOf = (name: string) =>
      name
        .replace(/_MS$/, "_MILLIS")
        .toLowerCase()
        .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    expect(Object.keys(settingsTable)).toEqual(Object.values(settingsTable).map((setting) => keyOf(setting.name)))
  })

  it("is what .env.example says", async () => {
    await expect(envExample).toMatchFileSnapshot("../../../.env.example")
  })

  it("accepts its own defaults, as .env.example writes them", () => {
    const dotEnv = envExample.replace(/^# ([A-Z_]+=)/gm, "$1")
    const { settings, sources } = loaded({ dotEnv })
    expect(settings).toEqual(loaded({}).settings)
    expect(sources.PORT).toBe(".env")
    expect(sources.OPENROUTER_TITLE).toBe(".env")
  })

  it("is in --help, every setting and every argument", () => {
    for (const { name } of Object.values(settingsTable)) expect(helpText).toContain(`  ${name}`)
    for (const argument of ["--port N", "--host H", "--sandbox", "--version", "--help"]) {
      expect(helpText).toContain(`  ${argument} `)
    }
  })
})

describe("defaults", () => {
  it("are those of the contract", () => {
    const { settings, sources } = loaded({})
    expect(settings).toEqual({
      openrouterApiKey: undefined,
      openrouterBaseUrl: "https://openrouter.ai/api/v1",
      openrouterReferer: "http://localhost:3456",
      openrouterTitle: "LLM Router",
      routingMode: "hybrid",
      embeddedThreshold: 0.55,
      defaultCategory: "conversation",
      defaultModel: "z-ai/glm-5",
      toolsRouting: "auto",
      ollamaBaseUrl: "http://127.0.0.1:11434",
      ollamaRouterModel: "qwen2.5:0.5b",
      ollamaTimeoutMillis: 1500,
      routerApiModel: "qwen/qwen3-1.7b",
      routerApiTimeoutMillis: 5000,
      host: "127.0.0.1",
      port: 3456,
      reusePort: false,
      routerApiKeys: [],
      rateLimitRequestsPerMinute: undefined,
      budgetUsdPerDay: undefined,
      maxConnections: 20_000,
      maxConcurrentRequests: 2_000,
      maxQueuedRequests: 1_000,
      clientSendTimeoutMillis: 120_000,
      clientStallTimeoutMillis: 60_000,
      routerAdminKey: undefined,
      routerAllowAnonymous: false,
      routerSandbox: false,
      routerConfigPath: "./router_config.json",
      routerMaxBodyBytes: 20 * 1024 * 1024,
      upstreamConnectTimeoutMillis: 5000,
      upstreamFirstTokenTimeoutMillis: 30_000,
      upstreamIdleTimeoutMillis: 60_000,
      requestTimeoutMillis: 600_000,
      streamKeepaliveMillis: 10_000,
      retriesPerModel: 1,
      upstreamMaxConnections: 256,
      circuitFailureThreshold: undefined,
      circuitOpenMillis: undefined,
      ledgerPath: "./data/ledger.sqlite",
      ledgerRetentionDays: 90,
      ledgerQueueEntries: 100_000,
      modelListPath: "./data/models.json",
      shutdownGraceMillis: 30_000,
      logLevel: "info",
      logFormat: "auto",
      tracePropagateUpstream: false,
      otelSdkDisabled: false,
      otelExporterOtlpEndpoint: undefined,
      otelExporterOtlpTracesEndpoint: undefined,
      otelExporterOtlpMetricsEndpoint: undefined,
      otelExporterOtlpHeaders: undefined,
      otelExporterOtlpProtocol: "http/protobuf",
      otelExporterOtlpCompression: "none",
      otelExporterOtlpTimeout: 10_000,
      otelTracesExporter: "otlp",
      otelMetricsExporter: "otlp",
      otelServiceName: undefined,
      otelResourceAttributes: undefined,
      otelTracesSampler: "parentbased_always_on",
      otelTracesSamplerArg: 1,
      otelPropagators: "tracecontext,baggage",
      otelBspScheduleDelay: 5_000,
      otelBspMaxQueueSize: 2_048,
      otelBspMaxExportBatchSize: 512,
      otelBspExportTimeout: 30_000,
      otelMetricExportInterval: 60_000,
      otelMetricExportTimeout: 30_000,
      otelAttributeValueLengthLimit: undefined,
      otelAttributeCountLimit: 128,
      telemetryCaptureContent: false
    })
    expect(new Set(Object.values(sources))).toEqual(new Set(["default"]))
  })
})

describe("where a value comes from", () => {
  it("prefers arguments to the environment to .env to the default", () => {
    const dotEnv = "PORT=1001\nHOST=127.0.0.2\nLOG_LEVEL=warn\n"
    const { settings, sources } = loaded({ args: ["--port", "1003"], env: { PORT: "1002", HOST: "127.0.0.3" }, dotEnv })
    expect([settings.port, settings.host, settings.logLevel, settings.logFormat]).toEqual([
      1003,
      "127.0.0.3",
      "warn",
      "auto"
    ])
    expect([sources.PORT, sources.HOST, sources.LOG_LEVEL, sources.LOG_FORMAT]).toEqual([
      "argument",
      "environment",
      ".env",
      "default"
    ])
  })

  it("counts an empty value as unset", () => {
    const { settings, sources } = loaded({ env: { PORT: "", OPENROUTER_API_KEY: "  " }, dotEnv: "PORT=1001\n" })
    expect(settings.port).toBe(1001)
    expect(sources.PORT).toBe(".env")
    expect(settings.openrouterApiKey).toBeUndefined()
  })

  it("knows the older name of the configuration file; the newer one wins", () => {
    expect(loaded({ env: { ROUTER_CONFIG_FILE: "old.json" } }).settings.routerConfigPath).toBe("old.json")
    const both = { ROUTER_CONFIG_FILE: "old.json", ROUTER_CONFIG_PATH: "new.json" }
    expect(loaded({ env: both }).settings.routerConfigPath).toBe("new.json")
  })

  it("reads .env with a byte order mark, quotes and comments", () => {
    const { settings } = loaded({
      dotEnv: '\uFEFFPORT=1001\r\n# a comment\r\nexport OPENROUTER_TITLE="My # Router"\r\n'
    })
    expect(settings.port).toBe(1001)
    expect(settings.openrouterTitle).toBe("My # Router")
  })

  it.each([
    { args: ["--port=0", "--host=localhost", "--sandbox"] },
    { args: ["--", "--sandbox", "--host", "localhost", "--port", "9", "--port", "0"] },
    { args: ["--help", "--version", "-h", "--port", "0", "--host", "localhost", "--sandbox"] }
  ])("understands $args", ({ args }) => {
    const { settings } = loaded({ args })
    expect([settings.port, settings.host, settings.routerSandbox]).toEqual([0, "localhost", true])
  })

  it.each([
    { args: ["--sandbox"], asked: undefined },
    { args: ["--port", "x", "--help"], asked: "help" },
    { args: ["-h"], asked: "help" },
    { args: ["--version"], asked: "version" }
  ])("says what $args asks about the product", ({ args, asked }) => {
    expect(infoAskedBy(args)).toBe(asked)
  })
})

describe("values", () => {
  it.each([
    ["OPENROUTER_BASE_URL", "openrouterBaseUrl", "http://localhost:9/api/v1//", "http://localhost:9/api/v1"],
    ["OLLAMA_BASE_URL", "ollamaBaseUrl", "HTTP://OLLAMA:11434/", "http://ollama:11434"],
    ["ROUTING_MODE", "routingMode", "Keywords", "keywords"],
    ["EMBEDDED_THRESHOLD", "embeddedThreshold", "1", 1],
    ["EMBEDDED_THRESHOLD", "embeddedThreshold", ".65", 0.65],
    ["HOST", "host", "[::1]", "::1"],
    ["HOST", "host", "127.8.8.8", "127.8.8.8"],
    ["HOST", "host", "::ffff:127.0.0.1", "::ffff:127.0.0.1"],
    ["ROUTER_SANDBOX", "routerSandbox", "Yes", true],
    ["ROUTER_SANDBOX", "routerSandbox", "1", true],
    ["ROUTER_SANDBOX", "routerSandbox", "no", false],
    ["PORT", "port", " 65535 ", 65_535],
    ["CIRCUIT_FAILURE_THRESHOLD", "circuitFailureThreshold", "5", 5],
    ["CIRCUIT_OPEN_MS", "circuitOpenMillis", "1000", 1000]
  ] as const)("%s: reads %s from %j", (name, key, text, expected) => {
    expect(loaded({ env: { [name]: text } }).settings[key]).toBe(expected)
  })

  it("reads client keys with and without an id", () => {
    const { settings } = loaded({ env: { ROUTER_API_KEYS: "openclaw:k1:with-colon, bare-key,," } })
    expect(settings.routerApiKeys.map(({ id, key }) => [id, Redacted.value(key)])).toEqual([
      ["openclaw", "k1:with-colon"],
      ["key-2", "bare-key"]
    ])
  })
})

describe("what is wrong", () => {
  it.each([
    ["PORT", "abc", `PORT: got "abc", expected an integer from 0 to 65535`],
    ["PORT", "65536", `PORT: got "65536", expected an integer from 0 to 65535`],
    ["PORT", "-1", `PORT: got "-1", expected an integer from 0 to 65535`],
    ["PORT", "1e3", `PORT: got "1e3", expected an integer from 0 to 65535`],
    ["RETRIES_PER_MODEL", "4", `RETRIES_PER_MODEL: got "4", expected an integer from 0 to 3`],
    ["ROUTING_MODE", "magic", `ROUTING_MODE: got "magic", expected keywords, embedded, ollama, api or hybrid`],
    ["EMBEDDED_THRESHOLD", "1.5", `EMBEDDED_THRESHOLD: got "1.5", expected a number from 0 to 1`],
    ["EMBEDDED_THRESHOLD", "1e-3", `EMBEDDED_THRESHOLD: got "1e-3", expected a number from 0 to 1`],
    ["LOG_FORMAT", "xml", `LOG_FORMAT: got "xml", expected auto, json or pretty`],
    ["ROUTER_SANDBOX", "maybe", `ROUTER_SANDBOX: got "maybe", expected true or false (also 1, 0, yes, no)`],
    ["DEFAULT_MODEL", "glm", `DEFAULT_MODEL: got "glm", expected a model id of the form provider/model`],
    ["HOST", "a b", `HOST: got "a b", expected an IP address or a host name`],
    ["OPENROUTER_TITLE", "a\nb", `OPENROUTER_TITLE: got "a\\nb", expected up to 200 printable ASCII characters`]
  ])("%s=%j", (name, text, problem) => {
    expect(problemsOf({ env: { [name]: text } })).toEqual([problem])
  })

  it.each(["ftp://host", "localhost:11434", "http://", "http://host/?", "http://host/#a", "http://a:b@host"])(
    "a base URL such as %s",
    (url) => {
      expect(problemsOf({ env: { OLLAMA_BASE_URL: url } })).toEqual([expect.stringMatching(/^OLLAMA_BASE_URL: got /)])
    }
  )

  it.each([",", "a:b,a:c", "a:b,c:b", "bad id:key", "a:", "with space", "a:sha256:ab", "sha256:xy"])(
    "client keys such as %j",
    (keys) => {
      expect(problemsOf({ env: { ROUTER_API_KEYS: keys } })).toEqual([
        expect.stringMatching(/^ROUTER_API_KEYS: got a value that is not shown, expected /)
      ])
    }
  )

  it("an admin key that begins like a hash and is none", () => {
    expect(problemsOf({ env: { ROUTER_ADMIN_KEY: `sha256:${"a".repeat(63)}` } })).toEqual([
      expect.stringMatching(/^ROUTER_ADMIN_KEY: got a value that is not shown, expected .+ 64 hex digits$/)
    ])
  })

  it("is listed whole, one line each", () => {
    const env = { PORT: "abc", LOG_LEVEL: "loud", ROUTER_API_KEYS: "," }
    expect(problemsOf({ env, dotEnv: "RETRIES_PER_MODEL=9", args: ["--verbose", "serve", "--host"] })).toEqual([
      `unknown argument "--verbose": see --help`,
      `unknown argument "serve": see --help`,
      "--host: expected an IP address or a host name after it",
      `PORT: got "abc", expected an integer from 0 to 65535`,
      expect.stringMatching(/^ROUTER_API_KEYS: /),
      `RETRIES_PER_MODEL: got "9", expected an integer from 0 to 3`,
      `LOG_LEVEL: got "loud", expected trace, debug, info, warn, error or none`
    ])
  })

  it("is a value given to an argument that takes none", () => {
    expect(problemsOf({ args: ["--sandbox=false"] })).toEqual(["--sandbox: takes no value"])
  })
})

describe("names that are no settings", () => {
  it.each<readonly [name: string, meant: string | undefined]>([
    ["ROUTER_API_KEY", "ROUTER_API_KEYS"],
    ["router_api_keys", "ROUTER_API_KEYS"],
    ["OPENROUTER_KEY", "OPENROUTER_API_KEY"],
    ["UPSTREAM_IDLE_TIMEOUT", "UPSTREAM_IDLE_TIMEOUT_MS"],
    ["LEDGER_PAHT", "LEDGER_PATH"],
    ["CIRCUIT_OPEN_MILLIS", undefined],
    ["ROUTER_SERVICE_HOST", undefined],
    ["ROUTER_CONFIG_FILE", undefined],
    ["OTEL_SERVICE_NAMES", undefined],
    ["LOG_LEVELS", undefined],
    ["HOSTS", undefined]
  ])("%s in the environment: %s is meant", (name, meant) => {
    const { misspelt } = loaded({ env: { [name]: "1" } })
    expect(misspelt).toEqual(meant === undefined ? [] : [{ name, meant, place: "the environment" }])
  })

  it("are asked about in .env however they begin", () => {
    expect(loaded({ dotEnv: "LOG_LEVELS=info" }).misspelt).toEqual([
      { name: "LOG_LEVELS", meant: "LOG_LEVEL", place: ".env" }
    ])
  })
})

describe("a host that other machines can reach", () => {
  it.each(["0.0.0.0", "::", "192.168.1.2", "example.org", "127.evil.example"])(
    "is refused without keys: %s",
    (host) => {
      expect(problemsOf({ env: { HOST: host } })).toEqual([
        `HOST: got "${host}", which other machines can reach, and there are no client keys: ` +
          "set ROUTER_API_KEYS so that clients need one, or ROUTER_ALLOW_ANONYMOUS=true to serve everyone"
      ])
    }
  )

  it("is accepted with keys, or when anonymous clients are allowed", () => {
    expect(loaded({ env: { HOST: "0.0.0.0", ROUTER_API_KEYS: "key" } }).settings.host).toBe("0.0.0.0")
    expect(loaded({ args: ["--host", "::"], env: { ROUTER_ALLOW_ANONYMOUS: "true" } }).settings.host).toBe("::")
  })

  it("is not complained about when the keys are wrong anyway", () => {
    expect(problemsOf({ env: { HOST: "0.0.0.0", ROUTER_API_KEYS: "," } })).toHaveLength(1)
  })
})

describe("secrets", () => {
  const shownBy = (value: unknown) => `${String(value)} ${JSON.stringify(value)} ${inspect(value, { depth: null })}`

  it("are in no form of the settings", () => {
    const env = { OPENROUTER_API_KEY: "HUSH-1", ROUTER_API_KEYS: "me:HUSH-2,HUSH-3", ROUTER_ADMIN_KEY: "HUSH-4" }
    const { settings, sources } = loaded({ env })
    const view = settingsView(settings, sources)
    expect(shownBy(settings) + shownBy(view)).not.toContain("HUSH")
    expect(view["OPENROUTER_API_KEY"]).toEqual({ value: "set", source: "environment" })
    expect(view["ROUTER_API_KEYS"]).toEqual({ value: "set", source: "environment" })
    expect(settings.openrouterApiKey && Redacted.value(settings.openrouterApiKey)).toBe("HUSH-1")
  })

  it("are in no error, wherever they were put", () => {
    const env = {
      OPENROUTER_API_KEY: "HUSH 1",
      ROUTER_API_KEYS: "HUSH 2",
      ROUTER_ADMIN_KEY: "HUSH\n3",
      OPENROUTER_BASE_URL: "https://user:HUSH@host/v1?key=HUSH",
      PORT: "sk-or-v1-HUSH"
    }
    const error = Result.getOrThrow(Result.flip(load({ env, args: ["--key=HUSH", "sk-or-v1-HUSH"] })))
    expect(error.problems).toHaveLength(7)
    expect(shownBy(error)).not.toContain("HUSH")
  })
})

describe("the view", () => {
  it("shows each setting's value and source", () => {
    const { settings, sources } = loaded({ env: { PORT: "0" }, dotEnv: "ROUTER_SANDBOX=1" })
    const view = settingsView(settings, sources)
    expect(Object.keys(view)).toEqual(Object.values(settingsTable).map(({ name }) => name))
    expect(view["PORT"]).toEqual({ value: 0, source: "environment" })
    expect(view["ROUTER_SANDBOX"]).toEqual({ value: true, source: ".env" })
    expect(view["ROUTING_MODE"]).toEqual({ value: "hybrid", source: "default" })
    expect(view["CIRCUIT_OPEN_MS"]).toEqual({ value: null, source: "default" })
    expect(view["ROUTER_API_KEYS"]).toEqual({ value: "unset", source: "default" })
  })
})
