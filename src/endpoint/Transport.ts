/**
 * What an endpoint stands on: a transport that proves ids and carries streams. Hooks, limits and scopes are the endpoint's own.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import type { BiStream, Info, RecvStream, SendStream, Stats } from "./Connection.ts"
import type { BindError, CloseReason, ConnectError, StreamError } from "./Errors.ts"
import type { Alpn, CloseCode, EndpointAddr, EndpointId } from "./Identity.ts"

/**
 * A connection as the transport gives it. Streams are given without a scope: whoever opens one ends it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Carried extends Info {
  readonly openBi: Effect.Effect<BiStream, StreamError>
  readonly openUni: Effect.Effect<SendStream, StreamError>
  readonly acceptBi: Effect.Effect<BiStream, StreamError>
  readonly acceptUni: Effect.Effect<RecvStream, StreamError>
  readonly close: (code: CloseCode, reason: string) => Effect.Effect<void>
  readonly closed: Effect.Effect<CloseReason>
  readonly stats: Effect.Effect<Stats>
}

/**
 * A peer that wants in, before any handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Knock {
  readonly address: string
  /** Whether the peer has proven that it is at its address. */
  readonly validated: boolean
  /** Does the handshake. An interruption ends the attempt. */
  readonly accept: Effect.Effect<Carried, ConnectError>
  /** Tells the peer that it may not come in. */
  readonly refuse: Effect.Effect<void>
  /** Says nothing: the peer runs into its own time-out. A transport that cannot, refuses. */
  readonly ignore: Effect.Effect<void>
  /** Asks the peer to prove its address and to come again; nothing where the transport has no such thing, or it was asked already. */
  readonly retry: Effect.Effect<void> | undefined
}

/**
 * A transport that is bound.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound {
  readonly id: EndpointId
  readonly addr: EndpointAddr
  /** Dials and does the handshake. An interruption leaves nothing behind: a connection that comes late is closed with code 0. */
  readonly dial: (addr: EndpointAddr, alpn: Alpn) => Effect.Effect<Carried, ConnectError>
  /** The next peer that wants in; never ends in success when the transport is closed. */
  readonly knock: Effect.Effect<Knock>
  /** Ends all connections: their peers are told code 0 and an empty reason. */
  readonly close: Effect.Effect<void>
}

/**
 * Makes bound transports.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<
  Transport,
  {
    /** Where ALPNs are those that are accepted. */
    readonly bind: (options: { readonly alpns: ReadonlyArray<Alpn> }) => Effect.Effect<Bound, BindError, Scope.Scope>
  }
>()("fairlead/endpoint/Transport") {}
