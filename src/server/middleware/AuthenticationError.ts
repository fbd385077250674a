/**
 * The error of `authentication`, and the challenge that it responds with.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"

import type { Response } from "../HttpTypes.ts"

const Description = Schema.optionalKey(Schema.String)

// The statuses and the codes of RFC 6750 §3.1; a request without any credential gets no code.
const answers = {
  MissingCredential: [401, undefined],
  InvalidRequest: [400, "invalid_request"],
  InvalidCredential: [401, "invalid_token"],
  InsufficientScope: [403, "insufficient_scope"]
} as const

/**
 * The request is not, or not sufficiently, authenticated. It responds with its status and the header `WWW-Authenticate`.
 *
 * @category errors
 * @since 0.1.0
 */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>(
  "fairlead/server/middleware/AuthenticationError"
)("AuthenticationError", {
  /** Why: the descriptions are for the client's developer and never secret; `scope` is the one that would do. */
  reason: Schema.Union([
    Schema.TaggedStruct("MissingCredential", { description: Description }),
    Schema.TaggedStruct("InvalidRequest", { description: Description }),
    Schema.TaggedStruct("InvalidCredential", { description: Description }),
    Schema.TaggedStruct("InsufficientScope", { scope: Schema.optionalKey(Schema.String), description: Description })
  ]),
  /** The scheme of the challenge. Default: `Bearer`. */
  scheme: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("Bearer"))),
  /** The protection space; `authentication` fills it in. */
  realm: Schema.optionalKey(Schema.String)
}) {
  /** 400, 401 or 403, by the reason. */
  get status(): number {
    return answers[this.reason._tag][0]
  }

  /** The value of `WWW-Authenticate`. */
  get challenge(): string {
    const { realm, reason, scheme } = this
    // RFC 7617 §2 and §2.1: Basic has a realm and a charset, and no reason.
    const own =
      scheme.toLowerCase() === "basic"
        ? [["charset", "UTF-8"]]
        : [
            ["error", answers[reason._tag][1]],
            ["error_description", reason.description],
            ["scope", "scope" in reason ? reason.scope : undefined]
          ]
    const parameters = [["realm", realm], ...own].flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${quoted(value)}`]
    )
    return [scheme, parameters.join(", ")].filter((part) => part !== "").join(" ")
  }

  override get message(): string {
    const { reason } = this
    if (reason.description !== undefined) return reason.description
    return reason._tag === "MissingCredential" ? "Send a credential" : `The credential is not accepted: ${reason._tag}`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(
      HttpServerResponse.empty({ status: this.status, headers: { "www-authenticate": this.challenge } })
    )
  }
}

// RFC 6750 §3 allows printable ASCII without quotes and backslashes in these values.
const quoted = (value: string): string => `"${value.replaceAll(/[^\x20-\x7e]|["\\]/g, "?")}"`
