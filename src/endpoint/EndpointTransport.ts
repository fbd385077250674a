/**
 * The transport below an endpoint: it proves ids and carries streams. Hooks, limits and scopes are the endpoint's own. This module is for authors of
 * transports.
 *
 * A transport notifies the endpoint by calls, in the step in which something happens, so that no interruption separates a new connection from its owner. The endpoint
 * owns everything that it gets from a call.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import type { Alpn } from "./Alpn.ts"
import type { DatagramChannel, Datagrams } from "./Datagrams.ts"
import type { EndpointAddr } from "./EndpointAddr.ts"
import type { BindError, ConnectError } from "./EndpointError.ts"
import type { EndpointId } from "./EndpointId.ts"
import { Carried } from "./transport/TransportConnection.ts"
import type { TransportConnection } from "./transport/TransportConnection.ts"

export { Ending } from "./transport/Ending.ts"
export { Mailbox, Source } from "./transport/Source.ts"
export type { SourceOptions } from "./transport/Source.ts"
export { RecvState, SendState } from "./transport/StreamState.ts"
export type { TransportBi, TransportConnection, TransportRecv, TransportSend } from "./transport/TransportConnection.ts"

/**
 * Who waits for a handshake: called once at most with a connection, which is closed if it comes too late.
 *
 * @category models
 * @since 0.1.0
 */
export type Done = (exit: Exit.Exit<TransportConnection, ConnectError>) => void

/**
 * A peer that wants in, before any handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Incoming {
  readonly address: string
  /** Whether the peer has proven that it is at its address. */
  readonly validated: boolean
  /** Does the handshake. The returned function aborts it. */
  readonly accept: (done: Done) => () => void
  /** Refuses the peer, which sees the refusal. */
  readonly refuse: () => void
  /** Says nothing: the peer runs into its own time-out. A transport that cannot, refuses. */
  readonly ignore: () => void
  /** Asks the peer to prove its address and to come again; nothing where the transport has no such thing, or it was asked already. */
  readonly retry: (() => void) | undefined
}

/**
 * A bound transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface BoundEndpoint {
  readonly id: EndpointId
  /** Where it is now. */
  readonly addr: () => EndpointAddr
  /** Whether it can dial a peer by its id alone. */
  readonly finds: boolean
  /** Dials and does the handshake. The returned function aborts it. */
  readonly dial: (addr: EndpointAddr, alpn: Alpn, done: Done) => () => void
  /** Changes the accepted protocols. */
  readonly setAlpns: (alpns: ReadonlyArray<Alpn>) => void
  /** Ends all connections with code 0 and an empty reason. Nobody is accepted after that. */
  readonly close: Effect.Effect<void>
}

/**
 * Options for binding a transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface BindOptions {
  /** The accepted protocols; without any nobody is accepted. */
  readonly alpns: ReadonlyArray<Alpn>
  /**
   * Whether hooks look at where a peer knocks from. Without it a transport that would have to ask may leave `address` empty and `validated` false. Default: true.
   */
  readonly inspects?: boolean
  /** Called for each peer that wants in. */
  readonly onIncoming: (incoming: Incoming) => void
}

/**
 * Makes bound transports.
 *
 * @category services
 * @since 0.1.0
 */
export class EndpointTransport extends Context.Service<
  EndpointTransport,
  {
    readonly bind: (options: BindOptions) => Effect.Effect<BoundEndpoint, BindError, Scope.Scope>
  }
>()("fairlead/endpoint/EndpointTransport") {}

/**
 * The `Datagrams` service of a transport, by how it finds the datagrams of its connections.
 *
 * @category constructors
 * @since 0.1.0
 */
export const datagramsOf = (
  find: (connection: TransportConnection) => DatagramChannel | undefined
): Datagrams["Service"] => ({
  of(connection) {
    const transport = Carried.carrierOf(connection)
    const channel = transport && find(transport)
    if (channel === undefined) throw new TypeError("Datagrams: the connection is one of another transport")
    return channel
  }
})
