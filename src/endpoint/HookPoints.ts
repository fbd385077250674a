/**
 * The subjects and decisions of the hook points. Internal: see `EndpointHooks`.
 *
 * @since 0.1.0
 */
import type { Alpn } from "./Alpn.ts"
import type { EndpointAddr } from "./EndpointAddr.ts"
import type { CloseReason, Stats } from "./EndpointConnection.ts"

/**
 * A peer that wants in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Remote {
  /** Where it says it is, in the transport's words. */
  readonly address: string
  /** Whether it has proven that it is there. */
  readonly validated: boolean
}

/**
 * A stream before its admission.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamInfo {
  readonly kind: "bi" | "uni"
  /** Which side opens it. */
  readonly initiator: "local" | "remote"
}

/**
 * A dial before its first packet.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialInfo {
  readonly addr: EndpointAddr
  readonly alpn: Alpn
}

/**
 * The end of a connection, and its traffic.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseInfo {
  readonly reason: CloseReason
  readonly stats: Stats
}

/**
 * The decision on a knocking peer.
 *
 * @category decisions
 * @since 0.1.0
 */
export type Admission = "accept" | "refuse" | "ignore" | "retry"
