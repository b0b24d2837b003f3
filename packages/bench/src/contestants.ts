/**
 * Who takes part, as data: how each is started, and how it is called for each kind of work.
 */
import { settingsTable } from "@llm-router/server/settingsTable"
import { Option } from "effect"
import { fileURLToPath } from "node:url"
import { classifyingModel } from "./answers.ts"
import { nginxConfig } from "./nginx.ts"
import { topicKeywords } from "./requests.ts"

/** What a contestant needs to know to start. */
export interface Place {
  readonly port: number
  readonly upstreamPort: number
  /** The upstream's origin. */
  readonly upstream: string
  /** Private and empty at first. */
  readonly directory: string
  /** Where nginx is, and Portkey's start file, if they can be had. */
  readonly programs: Programs
}

export interface Programs {
  readonly nginx: string | undefined
  readonly portkey: string | undefined
}

/**
 * `chat`: the upstream answers at once. `failing`: the first model answers 500, each time, and a second one is good.
 * `missing`: the same with 404, which no circuit counts, so that both are asked for each request.
 * `decide`: what the request is about, without asking a model.
 */
export type Work = "chat" | "failing" | "missing" | "decide"

interface Call {
  readonly path: string
  readonly model: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Contestant {
  readonly name: string
  readonly about: string
  /** Takes part with `--quick`. */
  readonly quick: boolean
  /** Why it cannot take part. */
  readonly absent: (programs: Programs) => string | undefined
  readonly command: (place: Place) => ReadonlyArray<string>
  readonly env: (place: Place) => Readonly<Record<string, string>>
  /** Written into its directory before it starts. */
  readonly files: (place: Place) => Readonly<Record<string, string>>
  readonly calls: Readonly<Partial<Record<Work, (place: Place) => Call>>>
}

const none = () => ({})
const present = () => undefined
const chatPath = "/v1/chat/completions"

const floor: Contestant = {
  name: "floor",
  about: "node:http and undici, a bare pass-through",
  quick: true,
  absent: present,
  command: ({ port, upstream }) => [
    process.execPath,
    fileURLToPath(new URL("floor.ts", import.meta.url)),
    String(port),
    upstream
  ],
  env: none,
  files: none,
  calls: {
    chat: () => ({ path: chatPath, model: "bench/ok" }),
    failing: () => ({ path: `/first-fails-500${chatPath}`, model: "bench/ok" }),
    missing: () => ({ path: `/first-fails-404${chatPath}`, model: "bench/ok" })
  }
}

const nginx: Contestant = {
  name: "nginx",
  about: "reverse proxy, one worker",
  quick: true,
  absent: (programs) => (programs.nginx === undefined ? "nginx is not installed" : undefined),
  command: ({ directory, programs }) => [
    programs.nginx ?? "",
    "-p",
    directory,
    "-c",
    `${directory}/nginx.conf`,
    "-e",
    `${directory}/error.log`
  ],
  env: none,
  files: ({ directory, port, upstreamPort }) => ({ "nginx.conf": nginxConfig({ directory, port, upstreamPort }) }),
  calls: {
    chat: () => ({ path: chatPath, model: "bench/ok" }),
    failing: () => ({ path: `/first-fails-500${chatPath}`, model: "bench/ok" }),
    missing: () => ({ path: `/first-fails-404${chatPath}`, model: "bench/ok" })
  }
}

const chain = (...models: ReadonlyArray<string>) => ({ models })

/** `count` categories of 50 keywords each, none of which occurs in a request. */
const customCategories = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, category) => [
      `custom-${category}`,
      {
        ...chain("bench/ok"),
        keywords: Array.from({ length: 50 }, (__, keyword) => `term${category}x${keyword} of art`),
        description: `Texts about the terms of art number ${category}`
      }
    ])
  )

const routerConfig = (categories: number): string =>
  JSON.stringify({
    version: 2,
    categories: {
      code: chain("bench/ok"),
      reasoning: chain("bench/ok"),
      conversation: chain("bench/ok"),
      tools: chain("bench/ok"),
      failing: { ...chain("bench/fail-500", "bench/ok"), keywords: [topicKeywords.failing] },
      missing: { ...chain("bench/fail-404", "bench/ok"), keywords: [topicKeywords.missing] },
      ...customCategories(categories)
    }
  })

interface RouterOptions {
  readonly name: string
  readonly about: string
  readonly mode: string
  readonly quick?: boolean
  readonly categories?: number
  readonly env?: (place: Place) => Readonly<Record<string, string>>
  readonly absent?: () => string | undefined
}

const knowsMode = (mode: string): boolean => Option.isSome(settingsTable.routingMode.parse(mode))
const knowsSetting = (name: string): boolean => Object.values(settingsTable).some((setting) => setting.name === name)

/** The product as a user starts it: SQLite ledger on disk, circuits, its default settings but for the mode. */
export const router = (options: RouterOptions): Contestant => ({
  name: options.name,
  about: options.about,
  quick: options.quick ?? false,
  absent: () => (knowsMode(options.mode) ? options.absent?.() : `there is no mode ${options.mode}`),
  command: () => [process.execPath, fileURLToPath(import.meta.resolve("@llm-router/server/launch"))],
  env: (place) => ({
    PORT: String(place.port),
    OPENROUTER_API_KEY: "bench",
    OPENROUTER_BASE_URL: `${place.upstream}/v1`,
    OLLAMA_BASE_URL: place.upstream,
    ROUTER_API_MODEL: classifyingModel,
    ROUTING_MODE: options.mode,
    // As many as there are connections in front.
    UPSTREAM_MAX_CONNECTIONS: "1024",
    ...options.env?.(place)
  }),
  files: () => ({ "router_config.json": routerConfig(options.categories ?? 0) }),
  calls: {
    chat: () => ({ path: chatPath, model: "router" }),
    failing: () => ({ path: chatPath, model: "router" }),
    missing: () => ({ path: chatPath, model: "router" }),
    decide: () => ({ path: "/v1/route", model: "router" })
  }
})

const portkeyHeaders = ({ upstream }: Place) => ({
  authorization: "Bearer bench",
  "x-portkey-provider": "openai",
  "x-portkey-custom-host": `${upstream}/v1`
})

const portkeyFallback = (first: string) => (place: Place) => {
  const target = (model: string) => ({
    provider: "openai",
    api_key: "bench",
    custom_host: `${place.upstream}/v1`,
    override_params: { model }
  })
  const config = { strategy: { mode: "fallback" }, targets: [target(first), target("bench/ok")] }
  return { path: chatPath, model: "bench/ok", headers: { "x-portkey-config": JSON.stringify(config) } }
}

const portkey: Contestant = {
  name: "portkey",
  about: "@portkey-ai/gateway",
  quick: true,
  absent: (programs) => (programs.portkey === undefined ? "it could not be installed" : undefined),
  command: ({ port, programs }) => [process.execPath, programs.portkey ?? "", "--headless", `--port=${port}`],
  env: none,
  files: none,
  calls: {
    chat: (place) => ({ path: chatPath, model: "bench/ok", headers: portkeyHeaders(place) }),
    failing: portkeyFallback("bench/fail-500"),
    missing: portkeyFallback("bench/fail-404")
  }
}

/** The first is what all others are compared with. */
export const contestants: ReadonlyArray<Contestant> = [
  floor,
  nginx,
  router({ name: "keywords", about: "LLM Router, keyword rules", mode: "keywords", quick: true }),
  router({ name: "embedded", about: "LLM Router, embedded classifier", mode: "embedded" }),
  router({ name: "ollama", about: "LLM Router, an Ollama that answers at once", mode: "ollama" }),
  router({ name: "api", about: "LLM Router, an API model that answers at once", mode: "api" }),
  router({
    name: "telemetry",
    about: "LLM Router, keyword rules, every request traced",
    mode: "keywords",
    env: ({ upstream }) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: upstream, OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }),
    absent: () => (knowsSetting("OTEL_EXPORTER_OTLP_ENDPOINT") ? undefined : "there is no telemetry yet")
  }),
  portkey
]
