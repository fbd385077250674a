/**
 * How connects fail, and endpoints that cannot be bound. Internal: see `EndpointError`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import { Reject } from "../../core/Reject.ts"
import { Alpn, format } from "../Alpn.ts"
import { EndpointId } from "../EndpointId.ts"
import { ConnectionEnded } from "./CloseReason.ts"

/**
 * The hook points that can reject.
 *
 * @category schemas
 * @since 0.1.0
 */
export const HookPoint = Schema.Literals(["beforeConnect", "beforeAccept", "afterHandshake", "onStreamOpen"])

/**
 * The hook points that can reject.
 *
 * @category models
 * @since 0.1.0
 */
export type HookPoint = typeof HookPoint.Type

/**
 * One of our own hooks rejected. The other side, where there is one, gets the code and the reason of `reject`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Rejected extends Schema.TaggedError<Rejected>("fairlead/endpoint/Rejected")("Rejected", {
  hook: HookPoint,
  /** The name of the interceptor. */
  interceptor: Schema.String,
  reject: Reject
}) {
  override get message() {
    const { closeCode, reason, status } = this.reject
    return `The hook "${this.interceptor}" rejected it in ${this.hook} with code ${closeCode ?? status}: ${reason}`
  }
}

/**
 * The other side took no connection.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionRefused extends Schema.TaggedError<ConnectionRefused>("fairlead/endpoint/ConnectionRefused")(
  "ConnectionRefused",
  {}
) {
  override readonly message = "The peer refuses connections: it may have too many, or not know this address"
}

/**
 * The other side does not speak the protocol.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlpnMismatch extends Schema.TaggedError<AlpnMismatch>("fairlead/endpoint/AlpnMismatch")("AlpnMismatch", {
  alpn: Alpn
}) {
  override get message() {
    return `The peer does not speak "${format(this.alpn)}": it is not among the ALPNs of its endpoint`
  }
}

/**
 * Somebody else answered at the address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class IdentityMismatch extends Schema.TaggedError<IdentityMismatch>("fairlead/endpoint/IdentityMismatch")(
  "IdentityMismatch",
  { expected: EndpointId }
) {
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
export class NoAddress extends Schema.TaggedError<NoAddress>("fairlead/endpoint/NoAddress")("NoAddress", {
  id: EndpointId
}) {
  override get message() {
    return `No address of ${this.id} is known: add one to its EndpointAddr`
  }
}

/**
 * An endpoint dialled itself.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SelfConnect extends Schema.TaggedError<SelfConnect>("fairlead/endpoint/SelfConnect")("SelfConnect", {}) {
  override readonly message = "This is the endpoint's own id: it cannot connect to itself"
}

/**
 * The handshake took too long.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TimedOut extends Schema.TaggedError<TimedOut>("fairlead/endpoint/TimedOut")("TimedOut", {}) {
  override readonly message = "The peer did not answer in time: it may be offline, or its address out of date"
}

/**
 * The endpoint is closed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EndpointClosed extends Schema.TaggedError<EndpointClosed>("fairlead/endpoint/EndpointClosed")(
  "EndpointClosed",
  {}
) {
  override readonly message = "The endpoint is closed: its scope has ended, or close was called"
}

/**
 * The transport failed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TransportError extends Schema.TaggedError<TransportError>("fairlead/endpoint/TransportError")(
  "TransportError",
  {
    /** The operation of the transport, where that says more. */
    description: Schema.optional(Schema.String),
    cause: Schema.Defect()
  }
) {
  override get message() {
    return this.description ?? "The transport failed: see the cause"
  }
}

/**
 * A connect that came to nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectError extends Schema.TaggedError<ConnectError>("fairlead/endpoint/ConnectError")("ConnectError", {
  reason: Schema.Union([
    Rejected,
    ConnectionRefused,
    AlpnMismatch,
    IdentityMismatch,
    NoAddress,
    SelfConnect,
    TimedOut,
    EndpointClosed,
    ConnectionEnded,
    TransportError
  ])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * The text is no address to bind to.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>("fairlead/endpoint/InvalidAddress")(
  "InvalidAddress",
  { address: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message() {
    return `"${this.address}" is no address to bind to: use an IP address and a port, such as 127.0.0.1:0`
  }
}

/**
 * Somebody else is bound to the address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AddressInUse extends Schema.TaggedError<AddressInUse>("fairlead/endpoint/AddressInUse")("AddressInUse", {
  addresses: Schema.Array(Schema.String),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `${this.addresses.join(", ")} is in use: end the other program, or bind to port 0`
  }
}

/**
 * An endpoint that could not be made.
 *
 * @category errors
 * @since 0.1.0
 */
export class BindError extends Schema.TaggedError<BindError>("fairlead/endpoint/BindError")("BindError", {
  reason: Schema.Union([InvalidAddress, AddressInUse, TransportError])
}) {
  override get message() {
    return this.reason.message
  }
}
