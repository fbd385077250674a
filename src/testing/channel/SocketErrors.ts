/**
 * The errors of a connected client.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The socket is closed, so that nothing more comes. Look at `code`: 1000 to 1013 say who closed it and why, 1006 is a lost connection.
 *
 * @category errors
 * @since 0.1.0
 */
export class SocketClosed extends Schema.TaggedError<SocketClosed>()("SocketClosed", {
  code: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `The socket is closed with ${this.code}${this.reason === "" ? "" : `, ${this.reason}`}: connect again`
  }
}

/**
 * The channel ended before it answered. With `phx_error` it crashed: the server's log names the interceptor.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChannelEnded extends Schema.TaggedError<ChannelEnded>()("ChannelEnded", {
  topic: Schema.String,
  event: Schema.Literals(["phx_close", "phx_error"])
}) {
  override get message() {
    return `The channel of "${this.topic}" ended with ${this.event} and without an answer: join it again`
  }
}
