/**
 * Who may call: clients with a client key, operators with the admin key (spec 12). The rules are the server's.
 */
import { HttpApiMiddleware } from "effect/http-api"
import { errorWith } from "./OpenAi.ts"

/** `Authorization: Bearer` or `x-api-key`, when client keys are set. */
export class ClientAccess extends HttpApiMiddleware.Service<ClientAccess>()("@llm-router/api/ClientAccess", {
  error: [errorWith(401), errorWith(403)]
}) {}

/** The admin key when one is set; callers on this machine otherwise. */
export class AdminAccess extends HttpApiMiddleware.Service<AdminAccess>()("@llm-router/api/AdminAccess", {
  error: [errorWith(401), errorWith(403)]
}) {}
