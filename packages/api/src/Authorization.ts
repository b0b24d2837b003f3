/**
 * Who may call: clients with a client key, operators with the admin key (spec 12). The rules are the server's.
 */
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { errorWith } from "./OpenAi.ts"

const bearer = (description: string) =>
  HttpApiSecurity.bearer.pipe(HttpApiSecurity.annotateMerge(OpenApi.annotations({ description })))
const header = (description: string) =>
  HttpApiSecurity.apiKey({ key: "x-api-key" }).pipe(HttpApiSecurity.annotateMerge(OpenApi.annotations({ description })))

const clientKey =
  "One of ROUTER_API_KEYS. Where none is set no key is wanted: callers on this machine are served, or everyone with ROUTER_ALLOW_ANONYMOUS."
const adminKey = "ROUTER_ADMIN_KEY. Where it is not set no key is wanted, and only callers on this machine are served."

/** `Authorization: Bearer` or `x-api-key`, when client keys are set. */
export class ClientAccess extends HttpApiMiddleware.Service<ClientAccess>()("@llm-router/api/ClientAccess", {
  error: [errorWith(401), errorWith(403)],
  security: { clientBearer: bearer(clientKey), clientHeader: header(clientKey) }
}) {}

/** The admin key when one is set, sent in the same ways; callers on this machine otherwise. */
export class AdminAccess extends HttpApiMiddleware.Service<AdminAccess>()("@llm-router/api/AdminAccess", {
  error: [errorWith(401), errorWith(403)],
  security: { adminBearer: bearer(adminKey), adminHeader: header(adminKey) }
}) {}
