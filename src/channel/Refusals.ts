/**
 * The error replies of the server and of handlers, for the types of clients. Public through `ChannelApi` and `ChannelHandler`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import { Reject } from "../core/Reject.ts"

/**
 * The response of an error reply that no definition declares: those of the server, such as `busy` or `unknown event`, and those of handlers, such as `unauthorized`
 * or `rate limited`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RefusalReply = Schema.Struct({
  reason: Schema.String,
  /** False where the client must not try again. */
  retry: Schema.optionalKey(Schema.Boolean),
  /** When it may try again. */
  retry_after_ms: Schema.optionalKey(Schema.Finite),
  /** The faults of an `invalid payload`. */
  issues: Schema.optionalKey(Schema.Array(Schema.Struct({ path: Schema.Array(Schema.String), message: Schema.String })))
})

/**
 * The response of an error reply that no definition declares.
 *
 * @category models
 * @since 0.1.0
 */
export type RefusalReply = typeof RefusalReply.Type

/**
 * A rejection that says that the client must not try again: its error reply has `retry: false`.
 *
 * @category decisions
 * @since 0.1.0
 */
export const rejectForGood = (reason: string): Reject => new Reject({ reason, details: { retry: false } })
