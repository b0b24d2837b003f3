/**
 * What the upstream says, built once: the bytes of each answer with its HTTP head.
 */

/** Events with content in one stream; then the finish, the usage and `[DONE]`. */
export const contentEvents = 20

/** The model that classifies for a router in the mode `api`. */
export const classifyingModel = "bench/classify"

/** The models of the router's chains. A number in a model's name is the status that it answers. */
const models = ["bench/ok", "bench/fail-500", "bench/fail-404", classifyingModel] as const

const identity = { id: "gen-1760000000-bench", provider: "Bench", model: "bench/ok", created: 1_760_000_000 }
const usage = { prompt_tokens: 194, completion_tokens: 62, total_tokens: 256, cost: 0.00014 }

const respond = (status: string, type: string, body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )

const json = (status: string, value: unknown): Buffer => respond(status, "application/json", JSON.stringify(value))

const completion = (content: string): Buffer =>
  json("200 OK", {
    ...identity,
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
    usage
  })

const failure = (code: number, text: string): Buffer =>
  json(`${code} ${text}`, {
    error: { code, message: `The upstream answers ${code}`, metadata: { provider_name: "Bench" } }
  })

const verdict = JSON.stringify({ category: "code", confidence: 0.9 })

const listing = (id: string) => ({
  id,
  name: id,
  context_length: 262_144,
  architecture: { input_modalities: ["text"], output_modalities: ["text"] },
  pricing: { prompt: "0.00000015", completion: "0.0000006" },
  supported_parameters: ["tools", "tool_choice", "max_tokens", "temperature", "response_format"]
})

export const answers = {
  completion: completion(
    "A gateway forwards the request to the model that its policy chose and returns the answer unchanged. ".repeat(4)
  ),
  classification: completion(verdict),
  ollama: json("200 OK", { model: "bench", message: { role: "assistant", content: verdict }, done: true }),
  models: json("200 OK", { data: models.map(listing) }),
  accepted: json("200 OK", {}),
  internalError: failure(500, "Internal Server Error"),
  notFound: failure(404, "Not Found")
}

const words = ["The", " upstream", " sends", " one", " word", " after", " another"]

const framed = (data: string): string => {
  const event = `data: ${data}\n\n`
  return `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`
}

const event = (fields: object): Buffer =>
  Buffer.from(framed(JSON.stringify({ ...identity, object: "chat.completion.chunk", ...fields })))

export const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)

const delta = (content: string, finish: string | null) => ({
  choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }]
})

/** The events with content, each as a chunk of HTTP. */
export const contentChunks: ReadonlyArray<Buffer> = Array.from({ length: contentEvents }, (_, index) =>
  event(delta(words[index % words.length] ?? "", null))
)

/** Finish reason, usage, `[DONE]` and the end of the body. */
export const lastChunks = Buffer.concat([
  event(delta("", "stop")),
  event({ choices: [], usage }),
  Buffer.from(`${framed("[DONE]")}0\r\n\r\n`)
])

export const wholeStream = Buffer.concat([streamHead, ...contentChunks, lastChunks])
