/**
 * How what a stream carries can be wrong. Internal: see `Streams`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The peer finished the stream in the middle.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnexpectedEnd extends Schema.TaggedError<UnexpectedEnd>("fairlead/endpoint/UnexpectedEnd")(
  "UnexpectedEnd",
  { expectedBytes: Schema.Finite, receivedBytes: Schema.Finite }
) {
  override get message() {
    return `The peer finished the stream after ${this.receivedBytes} of ${this.expectedBytes} bytes`
  }
}

/**
 * There is more than may be read.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TooManyBytes extends Schema.TaggedError<TooManyBytes>("fairlead/endpoint/TooManyBytes")("TooManyBytes", {
  maxBytes: Schema.Finite
}) {
  override get message() {
    return `The peer sends more than ${this.maxBytes} bytes: raise maxBytes if that is right`
  }
}

/**
 * A message does not have the form that its schema says.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidMessage extends Schema.TaggedError<InvalidMessage>("fairlead/endpoint/InvalidMessage")(
  "InvalidMessage",
  { cause: Schema.Defect() }
) {
  override readonly message = "A message does not have the form that its schema says: both sides must use the same one"
}

/**
 * The data of a stream has not the agreed form.
 *
 * @category errors
 * @since 0.1.0
 */
export class FramingError extends Schema.TaggedError<FramingError>("fairlead/endpoint/FramingError")("FramingError", {
  reason: Schema.Union([UnexpectedEnd, TooManyBytes, InvalidMessage])
}) {
  override get message() {
    return this.reason.message
  }
}
