/**
 * How streams fail. Internal: see `EndpointError`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import { CloseCode } from "../CloseCode.ts"
import { ConnectionEnded } from "./CloseReason.ts"
import { Rejected } from "./ConnectError.ts"

/**
 * The peer reset a stream: data that it sent may be missing.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StreamReset extends Schema.TaggedError<StreamReset>("fairlead/endpoint/StreamReset")("StreamReset", {
  code: CloseCode
}) {
  override get message() {
    return `The peer reset the stream with code ${this.code}: its data is incomplete`
  }
}

/**
 * The peer reads a stream no more.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StreamStopped extends Schema.TaggedError<StreamStopped>("fairlead/endpoint/StreamStopped")(
  "StreamStopped",
  { code: CloseCode }
) {
  override get message() {
    return `The peer stopped the stream with code ${this.code}: it reads no more of it`
  }
}

/**
 * A write to a stream that was finished or reset here, or a read of one that was stopped.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StreamFinished extends Schema.TaggedError<StreamFinished>("fairlead/endpoint/StreamFinished")(
  "StreamFinished",
  {}
) {
  override readonly message = "The stream was finished, reset or stopped here before: open another"
}

/**
 * A stream that could not be opened, read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamError extends Schema.TaggedError<StreamError>("fairlead/endpoint/StreamError")("StreamError", {
  reason: Schema.Union([StreamReset, StreamStopped, StreamFinished, ConnectionEnded, Rejected])
}) {
  override get message() {
    return this.reason.message
  }
}
