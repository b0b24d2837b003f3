/**
 * The wire shapes of the OpenAI API that this service speaks. Chat requests are declared here for the OpenAPI document
 * and typed clients; the server reads their bytes itself, since it passes on what it does not own.
 */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"

/** OpenAI's error types, as far as this service uses them. */
export const ErrorType = Schema.Literals([
  "invalid_request_error",
  "authentication_error",
  "permission_error",
  "rate_limit_error",
  "api_error"
])
export type ErrorType = typeof ErrorType.Type

/** Every error of every endpoint. `metadata.attempts` lists the models that were tried. */
export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String,
    type: ErrorType,
    param: Schema.NullOr(Schema.String),
    code: Schema.NullOr(Schema.String),
    metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
  })
}).annotate({ identifier: "Error", description: "OpenAI's error envelope" })
export type ErrorBody = typeof ErrorBody.Type

/** The error envelope under a status, for an endpoint's declaration. */
export const errorWith = (status: number) => ErrorBody.pipe(HttpApiSchema.status(status))

const Message = Schema.StructWithRest(
  Schema.Struct({
    role: Schema.Literals(["system", "developer", "user", "assistant", "tool", "function"]),
    content: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Unknown), Schema.Null]))
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

export const ChatCompletionRequest = Schema.StructWithRest(
  Schema.Struct({
    model: Schema.optionalKey(
      Schema.NullOr(Schema.String).annotate({
        description:
          '"router", "auto" or absent: the router chooses. "router/<category>" or "<category>": that category\'s chain. "provider/model": that model.'
      })
    ),
    messages: Schema.NonEmptyArray(Message),
    stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
    tools: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
    tool_choice: Schema.optionalKey(Schema.Unknown)
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
).annotate({
  identifier: "ChatCompletionRequest",
  description: "OpenAI's chat completion request; fields that are not named here reach the model unchanged"
})

export const ChatCompletion = Schema.Record(Schema.String, Schema.Unknown).annotate({
  identifier: "ChatCompletion",
  description: "The upstream's completion, byte for byte"
})

export const Model = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  created: Schema.Int,
  owned_by: Schema.String,
  context_length: Schema.optionalKey(Schema.Finite),
  /** USD per token, exact decimals. */
  pricing: Schema.optionalKey(Schema.Struct({ prompt: Schema.String, completion: Schema.String }))
}).annotate({ identifier: "Model" })

export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(Model)
}).annotate({ identifier: "ModelList" })
