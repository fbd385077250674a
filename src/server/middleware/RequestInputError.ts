/**
 * The error of a request whose input is not valid: of a wrong type, unreadable, or without the meaning that a schema demands.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"

import type { Response } from "../HttpTypes.ts"

/**
 * One fault of the input.
 *
 * @category models
 * @since 0.1.0
 */
export const InputFault = Schema.Struct({
  /** The part of the request. */
  in: Schema.Literals(["params", "query", "headers", "cookies", "body"]),
  /** The path within the part, as a JSON pointer in a URL fragment (RFC 6901 §6), such as `#/rooms/0/name`. */
  pointer: Schema.String,
  /** The message of the schema, which does not quote the value. */
  detail: Schema.String
})

/**
 * One fault of the input.
 *
 * @category models
 * @since 0.1.0
 */
export type InputFault = typeof InputFault.Type

const titles = {
  UnsupportedContent: [415, "The type of the content is not supported"],
  MalformedBody: [400, "The body cannot be read"],
  InvalidInput: [422, "The input is not valid"]
} as const

/**
 * The input of a request is not valid. It responds as problem details (RFC 9457): 415, 400 or 422 with the list `errors`.
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestInputError extends Schema.TaggedError<RequestInputError>(
  "fairlead/server/middleware/RequestInputError"
)("RequestInputError", {
  /** Why: a type or a coding of the content that is not supported, a body that cannot be parsed, or values that the schemas refuse. */
  reason: Schema.Union([
    Schema.TaggedStruct("UnsupportedContent", {
      detail: Schema.String,
      /** The supported media types, or content codings. */
      supported: Schema.Array(Schema.String),
      /** What is not supported. */
      of: Schema.Literals(["type", "coding"])
    }),
    Schema.TaggedStruct("MalformedBody", { detail: Schema.String }),
    Schema.TaggedStruct("InvalidInput", {
      faults: Schema.NonEmptyArray(InputFault),
      /** Whether there are more faults than the list has. */
      isCut: Schema.Boolean
    })
  ])
}) {
  /** 415, 400 or 422, by the reason. */
  get status(): number {
    return titles[this.reason._tag][0]
  }

  override get message(): string {
    const { reason } = this
    if (reason._tag !== "InvalidInput") return reason.detail
    const [first, ...others] = reason.faults
    const more = others.length === 0 ? "" : `, and ${others.length}${reason.isCut ? " or more" : ""} other faults`
    return `${first.detail} at ${first.in} ${first.pointer}${more}`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    const { reason, status } = this
    const problem = { type: ProblemDetails.blankType, status, title: titles[reason._tag][1] }
    if (reason._tag === "InvalidInput") {
      return Effect.succeed(ProblemDetails.toResponse({ ...problem, errors: reason.faults }))
    }
    const response = ProblemDetails.toResponse({ ...problem, detail: reason.detail })
    if (reason._tag === "MalformedBody") return Effect.succeed(response)
    // RFC 9110 §15.5.16, §12.5.1 and §12.5.3: the response says what would be supported.
    const field = reason.of === "type" ? "accept" : "accept-encoding"
    return Effect.succeed(HttpServerResponse.setHeader(response, field, reason.supported.join(", ")))
  }
}
