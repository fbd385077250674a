/**
 * Why a follow-up could not be sent.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The driver could not follow up: too many cycles, or the body of the request was a stream and has been sent already. Raise `maxFollowUps`, or declare a
 * stream that can be read again with `ClientHandler.replayable`.
 *
 * @category errors
 * @since 0.1.0
 */
export class FollowUpError extends Schema.TaggedError<FollowUpError>()("FollowUpError", {
  reason: Schema.Literals(["TooMany", "BodyNotReplayable"]),
  /** How many cycles were run. */
  cycles: Schema.Int,
  /** What the follow-up was for. */
  for: Schema.String
}) {
  override get message(): string {
    return this.reason === "TooMany"
      ? `Followed up ${this.cycles} times, the last time for "${this.for}": raise maxFollowUps if that is meant`
      : `The follow-up for "${this.for}" needs a body that was a stream and has been sent: declare it with ClientHandler.replayable, or send bytes`
  }
}
