/**
 * Who may call what (spec 12). Client keys are compared as hashes, in constant time. Without keys, only this machine
 * is served, and no web page may use its visitor's browser to reach in: neither by a foreign `Origin` nor by a name
 * that was made to point here (DNS rebinding).
 */
import { AdminAccess, ClientAccess, ClientKey } from "@llm-router/api/Authorization"
import { anonymous } from "@llm-router/domain/ChatRequest"
import { Unauthorized } from "@llm-router/domain/RouterError"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { timingSafeEqual } from "node:crypto"
import { digestOfSetting, keyDigest } from "../keys.ts"
import { isLoopback, isLoopbackAuthority } from "../loopback.ts"
import { ServerSettings } from "../ServerSettings.ts"
import { errorResponse, wireErrorOf } from "./errors.ts"
import { isJsonType, unsupportedMediaType } from "./request.ts"

const presentedKey = (request: HttpServerRequest.HttpServerRequest): string | undefined => {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
  return bearer ?? request.headers["x-api-key"]
}

/** The id of the key that a request came with (`anonymous` where none is wanted), or why it is not let in. */
type Verdict = string | Unauthorized

interface KnownKey {
  readonly id: string
  readonly digest: Buffer
}

const wantsKey =
  (keys: ReadonlyArray<KnownKey>) =>
  (request: HttpServerRequest.HttpServerRequest): Verdict => {
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

const fromWebPage = (request: HttpServerRequest.HttpServerRequest): Verdict => {
  const { host, origin } = request.headers
  if (origin !== undefined && !isLoopbackAuthority(origin)) return refuse("Requests from other web pages are refused.")
  if (host !== undefined && !isLoopbackAuthority(host)) return refuse("The Host header must name this machine.")
  return anonymous
}

const fromThisMachine = (request: HttpServerRequest.HttpServerRequest): Verdict =>
  isLoopback(Option.getOrElse(request.remoteAddress, () => ""))
    ? fromWebPage(request)
    : refuse("Without an admin key (ROUTER_ADMIN_KEY) only callers on this machine are served.")

type Responding<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** Runs the endpoint if the rule has no objection; tells it whose key it was. */
const guardedBy =
  (rule: (request: HttpServerRequest.HttpServerRequest) => Verdict) =>
  <E, R>(endpoint: Responding<E, R>): Responding<E, Exclude<R, ClientKey> | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): Responding<E, Exclude<R, ClientKey>> => {
      const id = rule(request)
      if (typeof id !== "string") return Effect.succeed(errorResponse(wireErrorOf(id)))
      return wantsJson(request)
        ? Effect.provideService(endpoint, ClientKey, { id })
        : Effect.succeed(errorResponse(wireErrorOf(unsupportedMediaType())))
    })

export const ClientAccessLive = Layer.effect(
  ClientAccess,
  Effect.map(ServerSettings, ({ settings }) => {
    const keys = settings.routerApiKeys.map(({ id, key }) => ({ id, digest: digestOfSetting(Redacted.value(key)) }))
    if (keys.length > 0) return ClientAccess.of(guardedBy(wantsKey(keys)))
    // Served to everyone on purpose, or bound to this machine: then only web pages are a way in.
    return ClientAccess.of(guardedBy(settings.routerAllowAnonymous ? () => anonymous : fromWebPage))
  })
)

export const AdminAccessLive = Layer.effect(
  AdminAccess,
  Effect.map(ServerSettings, ({ settings }) =>
    AdminAccess.of(
      guardedBy(
        settings.routerAdminKey === undefined
          ? fromThisMachine
          : wantsKey([{ id: "admin", digest: digestOfSetting(Redacted.value(settings.routerAdminKey)) }])
      )
    )
  )
)
