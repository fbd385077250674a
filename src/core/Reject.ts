/**
 * The error by which an interceptor says no, in every part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"

const Status = Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 }))

// The largest integer of QUIC's variable length.
const CloseCode = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 4_611_686_018_427_387_903n }))

/**
 * A request, connect, join, message or connection is rejected. Each part answers in its own way, so that one verifier serves all of them:
 *
 * - Server: a response with `status`; its body is a problem (RFC 9457) with `reason` and `details` if `expose`, else empty.
 * - Channel: a rejected connect has `status`, and `reason` as its text if `expose`; a rejected join or message has the error reply `{ ...details, reason }`.
 * - Endpoint: closes with `closeCode`, or else `status`, and `reason`.
 *
 * A response carries `Retry-After` where `details` have `retry_after_ms`.
 *
 * **Example** (A verifier for every part)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Reject } from "fairlead"
 *
 * const verify = (token: string) =>
 *   token === "t-ann" ? Effect.succeed("ann") : Effect.fail(new Reject({ reason: "unknown token", status: 401 }))
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class Reject extends Schema.TaggedError<Reject>("fairlead/Reject")("Reject", {
  /** The text that the other side reads. Default: `rejected`. */
  reason: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("rejected"))),
  /** The HTTP status, 400 to 599. Default: 403. */
  status: Status.pipe(Schema.withConstructorDefault(Effect.succeed(403))),
  /** The application close code of an endpoint's connection. Default: `status`. */
  closeCode: Schema.optional(CloseCode),
  /** Members of the error reply, or of the problem. */
  details: Schema.optional(Schema.JsonObject),
  /** Whether an HTTP response has `reason` and `details` in its body. Default: false. */
  expose: Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(false))),
  /** The error that led to it. It is never sent. */
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    return `Rejected with status ${this.status}: ${this.reason}`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<HttpServerResponse.HttpServerResponse> {
    const { details, expose, reason, status } = this
    const response = expose
      ? ProblemDetails.toResponse({ ...details, type: ProblemDetails.blankType, status, detail: reason })
      : HttpServerResponse.empty({ status })
    const millis = details?.["retry_after_ms"]
    return Effect.succeed(
      typeof millis === "number" && millis >= 0
        ? HttpServerResponse.setHeader(response, "retry-after", String(Math.ceil(millis / 1000)))
        : response
    )
  }
}
