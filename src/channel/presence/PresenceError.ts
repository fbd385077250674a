/**
 * Why a member could not be tracked. Public through `Presence`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import { BroadcasterUnavailable } from "../broadcaster/Contract.ts"

/**
 * The member is tracked under this key already.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlreadyTracked extends Schema.TaggedError<AlreadyTracked>("fairlead/channel/AlreadyTracked")(
  "AlreadyTracked",
  {}
) {
  override readonly message = "The member is tracked under this key already: update it"
}

/**
 * The member is not tracked under this key.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotTracked extends Schema.TaggedError<NotTracked>("fairlead/channel/NotTracked")("NotTracked", {}) {
  override readonly message = "The member is not tracked under this key: track it first"
}

/**
 * A limit of the channel's `presence` is reached.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PresenceLimit extends Schema.TaggedError<PresenceLimit>("fairlead/channel/PresenceLimit")(
  "PresenceLimit",
  {
    option: Schema.Literals(["maxKeys", "maxMetaBytes", "maxChanges"]),
    limit: Schema.Finite,
    /** Where time helps: when the next change is possible. */
    retryAfterMillis: Schema.optional(Schema.Finite)
  }
) {
  override get message() {
    return `The limit ${this.option} of ${this.limit} is reached: send fewer or smaller changes`
  }
}

/**
 * The channel of the member has ended.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotJoined extends Schema.TaggedError<NotJoined>("fairlead/channel/NotJoined")("NotJoined", {}) {
  override readonly message = "The channel has ended: only a joined member is present"
}

/**
 * The cause of a `PresenceError`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PresenceErrorReason = Schema.Union([
  AlreadyTracked,
  NotTracked,
  PresenceLimit,
  NotJoined,
  BroadcasterUnavailable
])

/**
 * A member could not be tracked, or its meta could not be changed. `Effect.catchReason` recovers one cause.
 *
 * @category errors
 * @since 0.1.0
 */
export class PresenceError extends Schema.TaggedError<PresenceError>("fairlead/channel/PresenceError")(
  "PresenceError",
  { topic: Schema.String, key: Schema.String, reason: PresenceErrorReason }
) {
  override get message() {
    return `The presence of "${this.key}" in "${this.topic}" did not change. ${this.reason.message}`
  }
}
