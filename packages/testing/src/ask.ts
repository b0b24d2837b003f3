/**
 * A chat completion request as a fake upstream reads it.
 */
import { Option, Schema } from "effect"

const nullish = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

const Part = Schema.Struct({ text: Schema.optional(Schema.Unknown) })

const WireAsk = Schema.Struct({
  model: Schema.String,
  stream: nullish(Schema.Boolean),
  messages: Schema.Array(
    Schema.Struct({ role: Schema.String, content: nullish(Schema.Union([Schema.String, Schema.Array(Part)])) })
  ),
  tools: nullish(Schema.Array(Schema.Struct({ function: Schema.optional(Schema.Struct({ name: Schema.String })) }))),
  response_format: nullish(Schema.Struct({ json_schema: Schema.optional(Schema.Unknown) }))
})

export interface AskedMessage {
  readonly role: string
  readonly text: string
}

export interface ChatAsk {
  readonly model: string
  readonly stream: boolean
  readonly messages: ReadonlyArray<AskedMessage>
  readonly toolNames: ReadonlyArray<string>
  /** The `response_format.json_schema`, where there is one. */
  readonly jsonSchema: unknown
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(WireAsk))

const textOf = (content: string | ReadonlyArray<typeof Part.Type> | null | undefined): string => {
  if (typeof content === "string") return content
  return (content ?? []).flatMap((part) => (typeof part.text === "string" ? [part.text] : [])).join("\n\n")
}

/** `undefined` when the body is no chat completion request. */
export const askOf = (body: Buffer): ChatAsk | undefined =>
  Option.getOrUndefined(
    Option.map(decode(body.toString()), (ask) => ({
      model: ask.model,
      stream: ask.stream ?? false,
      messages: ask.messages.map((message) => ({ role: message.role, text: textOf(message.content) })),
      toolNames: (ask.tools ?? []).flatMap((tool) => (tool.function === undefined ? [] : [tool.function.name])),
      jsonSchema: ask.response_format?.json_schema
    }))
  )
