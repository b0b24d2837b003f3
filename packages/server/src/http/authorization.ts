/**
 * Who may call what (spec 12). Client keys are compared as hashes, in constant time. Without keys, only this machine
 * is served, and no web page may use its visitor's browser to reach in: neither by a foreign `Origin` nor by a name
 * that was made to point here (DNS rebinding).
 */
import { AdminAccess, ClientAccess } from "@llm-router/api/Authorization"
import { anonymous } from "@llm-router/domain/ChatRequest"
import { Unauthorized } from "@llm-router/domain/RouterError"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpMethod, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { timingSafeEqual } from "node:crypto"
import { digestOfSetting, keyDigest } from "../keys.ts"
import { isLoopback, isLoopbackAuthority } from "../loopback.ts"
import { ServerSettings } from "../ServerSettings.ts"
import type { Settings } from "../settings.ts"
import { errorResponse, wireErrorOf } from "./errors.ts"
import { isJsonType, limitProblem, type RequestHeaders, unsupportedMediaType } from "./request.ts"

/** What a rule looks at, of Node's request or the framework's. */
interface RequestHead {
  readonly headers: RequestHeaders
}

const headerOf = ({ headers }: RequestHead, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : value?.[0]
}

const presentedKey = (request: RequestHead): string | undefined => {
  const bearer = /^Bearer +(\S+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1]
  return bearer ?? headerOf(request, "x-api-key")
}

/** The id of the key that a request came with (`anonymous` where none is wanted), or why it is not let in. */
type Verdict = string | Unauthorized

interface KnownKey {
  readonly id: string
  readonly digest: Buffer
}

const wantsKey =
  (keys: ReadonlyArray<KnownKey>) =>
  (request: RequestHead): Verdict => {
    const key = presentedKey(request)
    if (key === undefined) {
      const message = "This endpoint wants a key: send it as `Authorization: Bearer <key>`."
      return new Unauthorized({ status: 401, message })
    }
    const given = keyDigest(key)
    // Every key is compared, so that the time says nothing about which came close.
    let id: string | undefined
    for (const known of keys) if (timingSafeEqual(known.digest, given)) ({ id } = known)
    return id ?? new Unauthorized({ status: 401, message: "The key is not valid." })
  }

/** A form of a web page cannot say that it is JSON; what has no body need not say anything. */
const wantsJson = (request: HttpServerRequest.HttpServerRequest): boolean =>
  request.method === "GET" ||
  request.headers["content-type"] === undefined ||
  isJsonType(request.headers["content-type"])

const refuse = (message: string) => new Unauthorized({ status: 403, message })

const fromWebPage = (request: RequestHead): Verdict => {
  const host = headerOf(request, "host")
  const origin = headerOf(request, "origin")
  if (origin !== undefined && !isLoopbackAuthority(origin)) return refuse("Requests from other web pages are refused.")
  if (host !== undefined && !isLoopbackAuthority(host)) return refuse("The Host header must name this machine.")
  return anonymous
}

const fromThisMachine = (request: HttpServerRequest.HttpServerRequest): Verdict =>
  isLoopback(Option.getOrElse(request.remoteAddress, () => ""))
    ? fromWebPage(request)
    : refuse("Without an admin key (ROUTER_ADMIN_KEY) only callers on this machine are served.")

type Responding<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** Read and bounded before anything is built of it: an operator's mistake must not stop the process, either. */
const boundedBody = (request: HttpServerRequest.HttpServerRequest) =>
  HttpMethod.hasBody(request.method)
    ? Effect.map(Effect.orDie(request.arrayBuffer), (bytes) => limitProblem(Buffer.from(bytes)))
    : Effect.succeed(undefined)

/** Runs the endpoint if the rule has no objection. */
const guardedBy =
  (rule: (request: HttpServerRequest.HttpServerRequest) => Verdict) =>
  <E, R>(endpoint: Responding<E, R>): Responding<E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): Responding<E, R> => {
      const verdict = rule(request)
      if (typeof verdict !== "string") return Effect.succeed(errorResponse(wireErrorOf(verdict)))
      if (!wantsJson(request)) return Effect.succeed(errorResponse(wireErrorOf(unsupportedMediaType())))
      return Effect.flatMap(boundedBody(request), (problem) =>
        problem === undefined ? endpoint : Effect.succeed(errorResponse(wireErrorOf(problem)))
      )
    })

/** Whose key a client sends, or why it is not let in. */
export const clientRule = (settings: Settings): ((request: RequestHead) => Verdict) => {
  const keys = settings.routerApiKeys.map(({ id, key }) => ({ id, digest: digestOfSetting(Redacted.value(key)) }))
  if (keys.length > 0) return wantsKey(keys)
  // Served to everyone on purpose, or bound to this machine: then only web pages are a way in.
  return settings.routerAllowAnonymous ? () => anonymous : fromWebPage
}

// Each rule looks into both headers that a key may come in and answers by itself, so the ways have one guard.
export const ClientAccessLive = Layer.effect(
  ClientAccess,
  Effect.map(ServerSettings, ({ settings }) => {
    const guard = guardedBy(clientRule(settings))
    return ClientAccess.of({ clientBearer: guard, clientHeader: guard })
  })
)

export const AdminAccessLive = Layer.effect(
  AdminAccess,
  Effect.map(ServerSettings, ({ settings: { routerAdminKey } }) => {
    const guard = guardedBy(
      routerAdminKey === undefined
        ? fromThisMachine
        : wantsKey([{ id: "admin", digest: digestOfSetting(Redacted.value(routerAdminKey)) }])
    )
    return AdminAccess.of({ adminBearer: guard, adminHeader: guard })
  })
)
