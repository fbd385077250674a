/**
 * The connected socket that a channel, or a hook of a `ChannelHandler`, belongs to.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

import type { Payload } from "./Payload.ts"

/**
 * The parameters, headers and token of a client's connect.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectRequest {
  /** The path and query of the request. */
  readonly url: string
  /** The variables of the mount's path: of `/v/:tenant`, `tenant`. */
  readonly pathParams: Readonly<Record<string, string | undefined>>
  readonly transport: "websocket" | "longpoll" | "memory"
  /** The parameters of the query, those of the protocol left out; of equal names the last counts, as in Phoenix. */
  readonly params: ReadonlyMap<string, string>
  /** The same with nested names, as phoenix.js writes objects and lists: `user[id]=1` is `{ user: { id: "1" } }`. */
  readonly query: NestedQuery
  /** The cookies of the request, such as that of a session. */
  readonly cookies: Readonly<Record<string, string>>
  /** The request's headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The token that the client sent outside of its parameters, where the mount accepts one. */
  readonly token: Redacted.Redacted | undefined
  readonly remoteAddress: string | undefined
  /** The port of the peer, where the platform knows it. */
  readonly remotePort: number | undefined
  /** The TLS certificate of the client in DER, where the server asked for one and verified it. */
  readonly peerCertificate: Uint8Array | undefined
}

/**
 * A value of a query: text, values by name, or a list.
 *
 * @category models
 * @since 0.1.0
 */
export type QueryValue = string | NestedQuery | ReadonlyArray<QueryValue>

/**
 * The parameters of a query with their nested names.
 *
 * @category models
 * @since 0.1.0
 */
export interface NestedQuery {
  readonly [name: string]: QueryValue
}

/**
 * The connected socket.
 *
 * **Example** (Who is there)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ChannelSocket } from "fairlead/channel"
 *
 * const whoami = Effect.map(ChannelSocket.ChannelSocket, ({ request: connect, id }) => ({ id, transport: connect.transport }))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class ChannelSocket extends Context.Service<
  ChannelSocket,
  {
    /** The id that a handler set by `accept`, if one did: `ChannelServer.disconnect` closes all sockets with it. */
    readonly id: string | undefined
    readonly request: ConnectRequest
    /** The protocol's version. */
    readonly version: string
    /** Closes it; its channels end. Default code: 1000. */
    readonly close: (code?: number, reason?: string) => Effect.Effect<void>
    /** Sends an event to this client on any topic, whether it joined it or not. */
    readonly push: (topic: string, event: string, payload: Payload) => Effect.Effect<void>
    /** Closes it at that time with 1008, and no longer at the one before: a client that authenticated again stays. Nothing: it does not expire. */
    readonly expireAt: (instant: DateTime.DateTime.Input | undefined) => Effect.Effect<void>
  }
>()("fairlead/channel/ChannelSocket") {}
