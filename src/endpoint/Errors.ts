/**
 * How connects, connections and streams fail and end. Each error has a tagged `reason`, so that `Effect.catchReason` recovers one of them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import { Alpn, alpnText, CloseCode, EndpointId } from "./Identity.ts"

/**
 * Where a hook stands.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Stage = Schema.Literals(["beforeConnect", "beforeAccept", "afterHandshake", "onStreamOpen"])

/**
 * Where a hook stands.
 *
 * @category models
 * @since 0.1.0
 */
export type Stage = typeof Stage.Type

const forbidden = CloseCode.pipe(Schema.withConstructorDefault(Effect.succeed(CloseCode.make(403n))))

/**
 * The one way a hook says no, and what the other side is told, where there is one to tell.
 *
 * @category errors
 * @since 0.1.0
 */
export class Reject extends Schema.TaggedError<Reject>()("fairlead/endpoint/Reject", {
  /** Default: 403. */
  code: forbidden,
  /** Default: an empty text. */
  reason: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(""))),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `Rejected with code ${this.code}: ${this.reason}`
  }
}

/**
 * One of our own hooks said no.
 *
 * @category reasons
 * @since 0.1.0
 */
export class LocallyRejected extends Schema.TaggedError<LocallyRejected>()("LocallyRejected", {
  stage: Stage,
  hook: Schema.String,
  code: CloseCode,
  /** What the hook said; the other side is told the same. */
  text: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `The hook "${this.hook}" rejected it in ${this.stage} with code ${this.code}: ${this.text}`
  }
}

/**
 * The other side took no connection.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {
  override readonly message = "The peer refuses connections: it may have too many, or not know this address"
}

/**
 * The other side does not speak the protocol.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlpnMismatch extends Schema.TaggedError<AlpnMismatch>()("AlpnMismatch", { alpn: Alpn }) {
  override get message() {
    return `The peer does not speak "${alpnText(this.alpn)}": it is not among the ALPNs of its endpoint`
  }
}

/**
 * Somebody else answered at the address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class IdentityMismatch extends Schema.TaggedError<IdentityMismatch>()("IdentityMismatch", {
  expected: EndpointId
}) {
  override get message() {
    return `Who answered is not ${this.expected}: its address may be out of date`
  }
}

/**
 * There is nothing to dial.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NoAddress extends Schema.TaggedError<NoAddress>()("NoAddress", { id: EndpointId }) {
  override get message() {
    return `No address of ${this.id} is known: give one in its EndpointAddr`
  }
}

/**
 * An endpoint was told to dial itself.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SelfConnect extends Schema.TaggedError<SelfConnect>()("SelfConnect", {}) {
  override readonly message = "This is the endpoint's own id: it cannot connect to itself"
}

/**
 * The handshake took too long.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DialTimedOut extends Schema.TaggedError<DialTimedOut>()("TimedOut", {}) {
  override readonly message = "The peer did not answer in time: it may be offline, or its address out of date"
}

/**
 * The endpoint is closed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EndpointClosed extends Schema.TaggedError<EndpointClosed>()("EndpointClosed", {}) {
  override readonly message = "The endpoint is closed: its scope has ended, or close was called"
}

/**
 * The transport failed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TransportFailed extends Schema.TaggedError<TransportFailed>()("Transport", { cause: Schema.Defect() }) {
  override readonly message = "The transport failed: see the cause"
}

/**
 * A connect that came to nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {
  reason: Schema.Union([
    LocallyRejected,
    Refused,
    AlpnMismatch,
    IdentityMismatch,
    NoAddress,
    SelfConnect,
    DialTimedOut,
    EndpointClosed,
    TransportFailed
  ])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * An endpoint that could not be made.
 *
 * @category errors
 * @since 0.1.0
 */
export class BindError extends Schema.TaggedError<BindError>()("BindError", {
  description: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return this.description
  }
}

/**
 * How a connection ended: closed here; closed by the peer's application, with its code and reason; gone silent; reset; or broken.
 *
 * @category models
 * @since 0.1.0
 */
export const CloseReason = Schema.TaggedUnion({
  Local: {},
  Application: { code: CloseCode, reason: Schema.String },
  TimedOut: {},
  Reset: {},
  Transport: { cause: Schema.Defect() }
})

/**
 * How a connection ended.
 *
 * @category models
 * @since 0.1.0
 */
export type CloseReason = typeof CloseReason.Type

/**
 * The peer gave a stream up: what was sent on it may not have arrived.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StreamReset extends Schema.TaggedError<StreamReset>()("StreamReset", { code: CloseCode }) {
  override get message() {
    return `The peer reset the stream with code ${this.code}: what it sent is incomplete`
  }
}

/**
 * The peer reads a stream no more.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StreamStopped extends Schema.TaggedError<StreamStopped>()("StreamStopped", { code: CloseCode }) {
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
export class StreamFinished extends Schema.TaggedError<StreamFinished>()("StreamFinished", {}) {
  override readonly message = "The stream was finished, reset or stopped here before: open another"
}

/**
 * The connection of the stream has ended.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionEnded extends Schema.TaggedError<ConnectionEnded>()("ConnectionEnded", {
  how: CloseReason
}) {
  override get message() {
    const { how } = this
    return how._tag === "Application"
      ? `The peer closed the connection with code ${how.code}: ${how.reason}`
      : `The connection has ended: ${how._tag}`
  }
}

/**
 * A stream that could not be opened, read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamError extends Schema.TaggedError<StreamError>()("StreamError", {
  reason: Schema.Union([StreamReset, StreamStopped, StreamFinished, ConnectionEnded, LocallyRejected])
}) {
  override get message() {
    return this.reason.message
  }
}
