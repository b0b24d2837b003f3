/**
 * The floor: the least that a gateway on Node can do. `node:http` in front, undici behind, nothing looked at.
 * `/first-fails-<status>/...` asks an upstream that answers that status first, and then the good one.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { Pool } from "undici"

const [port = "0", upstream = ""] = process.argv.slice(2)
const pool = new Pool(upstream, { connections: 1024 })

const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "host", "expect"])
const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const kept: IncomingHttpHeaders = {}
  for (const name in headers) if (!hopByHop.has(name)) kept[name] = headers[name]
  return kept
}

const forward = (path: string, body: IncomingMessage | Buffer, headers: IncomingHttpHeaders, to: ServerResponse) => {
  const left = new AbortController()
  to.on("close", () => to.writableFinished || left.abort())
  pool
    .stream({ path, method: "POST", headers, body, signal: left.signal }, (answer) => {
      to.writeHead(answer.statusCode, endToEnd(answer.headers))
      return to
    })
    .catch(() => to.destroy())
}

const secondTry = async (status: string, request: IncomingMessage, to: ServerResponse) => {
  const parts: Array<Buffer> = []
  for await (const part of request) parts.push(part)
  const body = Buffer.concat(parts)
  const headers = endToEnd(request.headers)
  const first = await pool.request({ path: `/fail-${status}/chat/completions`, method: "POST", headers, body })
  await first.body.dump()
  forward("/v1/chat/completions", body, headers, to)
}

createServer((request, response) => {
  const path = request.url ?? "/"
  const failing = /^\/first-fails-(\d+)\//.exec(path)?.[1]
  if (failing === undefined) forward(path, request, endToEnd(request.headers), response)
  else secondTry(failing, request, response).catch(() => response.destroy())
}).listen(Number(port), "127.0.0.1", 4096)
