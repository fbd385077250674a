/**
 * Why a follow-up could not be sent.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The driver could not follow up: too many follow-ups, or the body of the request was a stream and has been sent already. Raise `maxFollowUps`, or declare a
 * stream that can be read again with `ClientHandler.replayable`.
 *
 * @category errors
 * @since 0.1.0
 */
export class FollowUpError extends Schema.TaggedError<FollowUpError>()("FollowUpError", {
  reason: Schema.Union([
    Schema.TaggedStruct("TooManyFollowUps", { maxFollowUps: Schema.Number }),
    Schema.TaggedStruct("BodyNotReplayable", {})
  ]),
  /** How many cycles were run. */
  cycles: Schema.Int,
  /** The handler's reason for the follow-up. */
  handler: Schema.String
}) {
  override get message(): string {
    return this.reason._tag === "TooManyFollowUps"
      ? `Followed up ${this.reason.maxFollowUps} times and was to do so again for "${this.handler}": raise maxFollowUps if that is meant`
      : `The follow-up for "${this.handler}" needs a body that was a stream and has been sent: declare it with ClientHandler.replayable, or send bytes`
  }
}
