/** Chat requests for tests, read as the server reads them. */
import { readdirSync, readFileSync } from "node:fs"
import { anonymous, type ChatRequest, parseChatRequest } from "@llm-router/domain/ChatRequest"
import { Result } from "effect"

export interface Capture {
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** The request that these headers and this body make. */
export const requestOf = ({ headers, body }: Capture): ChatRequest =>
  Result.getOrThrow(
    parseChatRequest(
      "test",
      {
        keyId: anonymous,
        userAgent: headers["user-agent"] ?? "",
        sessionId: headers["x-session-id"],
        traceparent: headers["traceparent"]
      },
      Buffer.from(JSON.stringify(body))
    )
  )

const folder = new URL("./fixtures/openclaw/", import.meta.url)

export const captureNames: ReadonlyArray<string> = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .toSorted()

/** Requests of real agents: trimmed, sanitised copies of what OpenClaw 2026.9.6 and opencode 1.18.33 sent. */
export const captures = (name: string): ReadonlyArray<Capture> =>
  // Written by us, in this form.
  JSON.parse(readFileSync(new URL(name, folder), "utf8")) as ReadonlyArray<Capture>
