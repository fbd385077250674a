/**
 * The connected socket that a channel, or a hook of a `ChannelHandler`, belongs to.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * What a client connected with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connect {
  readonly transport: "websocket" | "longpoll" | "memory"
  /** The parameters of the query, those of the protocol left out; of equal names the last counts, as in Phoenix. */
  readonly params: ReadonlyMap<string, string>
  /** The request's headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The token that the client sent beside its parameters, where the mount accepts one. */
  readonly token: Redacted.Redacted | undefined
  readonly remoteAddress: string | undefined
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
 * const whoami = Effect.map(ChannelSocket.ChannelSocket, ({ connect, id }) => ({ id, transport: connect.transport }))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class ChannelSocket extends Context.Service<
  ChannelSocket,
  {
    /** What it is told apart by from outside, if a handler gave it one: `ChannelServer.disconnect` closes all that have it. */
    readonly id: string | undefined
    readonly connect: Connect
    /** The protocol's version. */
    readonly version: "1.0.0" | "2.0.0"
    /** Closes it; its channels end. Default code: 1000. */
    readonly close: (code?: number, reason?: string) => Effect.Effect<void>
  }
>()("fairlead/channel/ChannelSocket") {}
