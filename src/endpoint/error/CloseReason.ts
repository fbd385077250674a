/**
 * How connections end. Internal: see `EndpointConnection` and `EndpointError`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import { CloseCode } from "../CloseCode.ts"

/**
 * How a connection ended: closed here; closed by the peer's application, with its code and reason; gone silent; reset; or broken.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CloseReason = Schema.TaggedUnion({
  LocallyClosed: {},
  ApplicationClosed: { code: CloseCode, reason: Schema.String },
  TimedOut: {},
  Reset: {},
  TransportError: { cause: Schema.Defect() }
})

/**
 * How a connection ended.
 *
 * @category models
 * @since 0.1.0
 */
export type CloseReason = typeof CloseReason.Type

/**
 * The connection has ended.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionEnded extends Schema.TaggedError<ConnectionEnded>("fairlead/endpoint/ConnectionEnded")(
  "ConnectionEnded",
  { closeReason: CloseReason }
) {
  override get message() {
    const { closeReason } = this
    return closeReason._tag === "ApplicationClosed"
      ? `The peer closed the connection with code ${closeReason.code}: ${closeReason.reason}`
      : `The connection has ended: ${closeReason._tag}`
  }
}
