/**
 * A request from the server to a client that has no answer. Public through `ChannelApi`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A client did not answer a request in time, its channel ended before, or its answer does not fit the definition. Ask again, or end its channel.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClientRequestError extends Schema.TaggedError<ClientRequestError>("fairlead/channel/ClientRequestError")(
  "ClientRequestError",
  {
    topic: Schema.String,
    event: Schema.String,
    reason: Schema.Literals(["timed out", "channel ended", "invalid answer"])
  }
) {
  override get message() {
    return `The client of "${this.topic}" did not answer "${this.event}": ${this.reason}. Ask again, or end its channel`
  }
}
