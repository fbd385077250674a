/**
 * Watches connections: which are open, and each that comes and goes, with its end and its traffic.
 *
 * **Example** (Logging what goes, and closing whom one does not want any more)
 *
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { CloseCode, Endpoint, HookChain } from "fairlead/endpoint"
 * import type { EndpointId } from "fairlead/endpoint"
 * import { monitor } from "fairlead/endpoint/hooks"
 *
 * const live = Layer.unwrap(
 *   Effect.gen(function*() {
 *     const { events, hooks, open } = yield* monitor()
 *     yield* Effect.forkDetach(Stream.runForEach(events, (event) => Effect.log(event._tag, event.connection.remoteId)))
 *     const revoke = (id: EndpointId.EndpointId) =>
 *       Effect.flatMap(open, Effect.forEach(({ close, remoteId }) =>
 *         remoteId === id ? close(CloseCode.make(403), "revoked") : Effect.void
 *       ))
 *     return Endpoint.layer({ alpns: [], hooks: HookChain.make("watched").use(hooks) })
 *   })
 * )
 * ```
 *
 * Rules:
 *
 * 1. It sees the connections that earlier hooks admitted: last in the chain, all those of the application. It keeps no connection open, and takes part in no decision.
 * 2. Each that came goes too, also when the application has dropped it, with its final numbers.
 * 3. A slow subscriber misses the oldest events, so that it holds up nothing.
 *
 * Order: last.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { CloseReason, ConnectionInfo, Stats } from "../EndpointConnection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"

/**
 * A connection that came, or that went.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionEvent =
  | { readonly _tag: "Opened"; readonly connection: ConnectionInfo }
  | {
      readonly _tag: "Closed"
      readonly connection: ConnectionInfo
      readonly reason: CloseReason
      readonly stats: Stats
      /** How long it was open. */
      readonly duration: Duration.Duration
    }

/**
 * The hooks of a monitor, with the open connections and their events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Monitor {
  readonly hooks: EndpointHooks.EndpointHooks
  /** The open connections, the oldest first. */
  readonly open: Effect.Effect<ReadonlyArray<ConnectionInfo>>
  /** What happens from the subscription on. */
  readonly events: Stream.Stream<ConnectionEvent>
}

/**
 * Options of `monitor`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MonitorOptions {
  /** Its name. Default: `monitor`. */
  readonly name?: string
  /** How many unread events a slow subscriber may have before it misses the oldest. Default: 1024. */
  readonly capacity?: number
}

/**
 * Makes a monitor.
 *
 * @category hooks
 * @since 0.1.0
 */
export const monitor = (options: MonitorOptions = {}): Effect.Effect<Monitor> => {
  const { capacity = 1024 } = options
  const name = nameOr("monitor", options.name)
  checkOptions(name).integer("capacity", capacity)
  return Effect.map(PubSub.sliding<ConnectionEvent>(capacity), (events) => {
    const since = new Map<ConnectionInfo, number>()
    // In one step with the change that it reports: a sliding queue takes everything at once.
    const publish = (event: ConnectionEvent): void => {
      PubSub.publishUnsafe(events, event)
    }
    return {
      open: Effect.sync(() => [...since.keys()]),
      events: Stream.fromPubSub(events),
      hooks: EndpointHooks.make(name, {
        afterHandshake: (connection) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            since.set(connection, now)
            publish({ _tag: "Opened", connection })
          }),
        onClose: ({ reason, stats }, connection) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const then = since.get(connection)
            // A hook before this one rejected it.
            if (then === undefined) return
            since.delete(connection)
            publish({ _tag: "Closed", connection, reason, stats, duration: Duration.millis(now - then) })
          })
      })
    }
  })
}
