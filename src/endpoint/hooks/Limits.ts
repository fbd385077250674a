/**
 * Bounds how many connections there are, and how many streams.
 *
 * 1. A connection counts from the end of its handshake until it has ended, whoever dialled, also when a later hook rejects it. One too many is closed with 429.
 * 2. A peer in its handshake counts as pending until it is let in or not; one too many is refused.
 * 3. A stream counts from its opening, or from when it is accepted, until its scope ends. One too many is rejected with 429: the connection lives on.
 *
 * The counts belong to the value: used in two endpoints, they share them.
 *
 * Place: behind the lists, ahead of what costs more.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import type { Info } from "../Connection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import { Reject } from "../Errors.ts"
import { closeCode } from "../Identity.ts"
import type { EndpointId } from "../Identity.ts"

/**
 * Options of `connectionLimits`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionLimits {
  /** The most connections. Default: 10,000. */
  readonly total?: number
  /** The most connections with one peer. Default: 100. */
  readonly perPeer?: number
  /** The most peers in their handshake. Default: 1,000. */
  readonly pending?: number
}

const tooMany = (reason: string) => Effect.fail(new Reject({ code: closeCode(429), reason }))

/** Counts until the scope ends. */
const counted = (change: (by: 1 | -1) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    change(1)
    return Effect.addFinalizer(() => Effect.sync(() => change(-1)))
  })

/** Counts by keys, and keeps none that is at zero. */
const counting = <K>(counts: Map<K, number>, key: K) =>
  counted((by) => {
    const count = (counts.get(key) ?? 0) + by
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  })

/**
 * Bounds connections.
 *
 * **Example** (At most three from one peer)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { connectionLimits } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(connectionLimits({ total: 500, perPeer: 3 }))
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const connectionLimits = ({
  pending = 1000,
  perPeer = 100,
  total = 10_000
}: ConnectionLimits = {}): EndpointHooks.EndpointHooks => {
  const peers = new Map<EndpointId, number>()
  let [all, shaking] = [0, 0]
  return EndpointHooks.make("connection-limits", {
    beforeAccept: () =>
      Effect.suspend(() =>
        shaking >= pending
          ? Effect.succeed("refuse" as const)
          : Effect.as(
              counted((by) => {
                shaking += by
              }),
              "accept" as const
            )
      ),
    afterHandshake: ({ remoteId }) =>
      Effect.suspend((): Effect.Effect<void, Reject, Scope.Scope> => {
        if (all >= total) return tooMany("too many connections")
        if ((peers.get(remoteId) ?? 0) >= perPeer) return tooMany("too many connections of this peer")
        return Effect.andThen(
          counted((by) => {
            all += by
          }),
          counting(peers, remoteId)
        )
      })
  })
}

/**
 * Options of `streamLimits`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamLimits {
  /** The most streams of a connection that are open here, of both kinds and directions. Default: 100. */
  readonly perConnection?: number
}

/**
 * Bounds the streams of each connection.
 *
 * **Example** (Ten at a time)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { streamLimits } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(streamLimits({ perConnection: 10 }))
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const streamLimits = ({ perConnection = 100 }: StreamLimits = {}): EndpointHooks.EndpointHooks => {
  const connections = new Map<Info, number>()
  return EndpointHooks.make("stream-limits", {
    onStreamOpen: (connection) =>
      Effect.suspend((): Effect.Effect<void, Reject, Scope.Scope> =>
        (connections.get(connection) ?? 0) >= perConnection
          ? tooMany("too many streams")
          : counting(connections, connection)
      )
  })
}
