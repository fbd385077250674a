/**
 * Watches connections: which are open, and each that comes and goes, with how it ended and what it carried.
 *
 * 1. It sees what the hooks before it let in: last in the chain, that is what the application has. It keeps no connection open, and takes part in no decision.
 * 2. Each that came goes too, also when the application has dropped it, with its final numbers.
 * 3. A subscriber that is slow misses the oldest events, so that it holds up nothing.
 *
 * Place: last.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

import type { Info, Stats } from "../Connection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { CloseReason } from "../Errors.ts"

/**
 * A connection that came, or that went.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionEvent =
  | { readonly _tag: "Opened"; readonly connection: Info }
  | {
      readonly _tag: "Closed"
      readonly connection: Info
      readonly reason: CloseReason
      readonly stats: Stats
      /** How long it was open. */
      readonly millis: number
    }

/**
 * What a monitor shows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Monitor {
  readonly hooks: EndpointHooks.EndpointHooks
  /** The connections that are open, the oldest first. */
  readonly open: Effect.Effect<ReadonlyArray<Info>>
  /** What happens from the subscription on. */
  readonly events: Stream.Stream<ConnectionEvent>
}

/**
 * Options of `monitor`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many events a slow subscriber may be behind before it misses the oldest. Default: 1024. */
  readonly capacity?: number
}

/**
 * Makes a monitor.
 *
 * **Example** (Logging what goes)
 *
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { Endpoint, HookChain } from "fairlead/endpoint"
 * import { monitor } from "fairlead/endpoint/hooks"
 *
 * const live = Layer.unwrap(
 *   Effect.gen(function*() {
 *     const { events, hooks } = yield* monitor()
 *     yield* Effect.forkDetach(Stream.runForEach(events, (event) => Effect.log(event._tag, event.connection.remoteId)))
 *     return Endpoint.layer({ alpns: [], hooks: HookChain.make("watched").use(hooks) })
 *   })
 * )
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const monitor = ({ capacity = 1024 }: Options = {}): Effect.Effect<Monitor> =>
  Effect.map(PubSub.sliding<ConnectionEvent>(capacity), (events) => {
    const since = new Map<Info, number>()
    const publish = (event: ConnectionEvent) => Effect.asVoid(PubSub.publish(events, event))
    return {
      open: Effect.sync(() => [...since.keys()]),
      events: Stream.fromPubSub(events),
      hooks: EndpointHooks.make("monitor", {
        afterHandshake: (connection) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            since.set(connection, now)
            return publish({ _tag: "Opened", connection })
          }),
        onClose: (connection, reason, stats) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const then = since.get(connection)
            // A hook before this one rejected it.
            if (then === undefined) return Effect.void
            since.delete(connection)
            return publish({ _tag: "Closed", connection, reason, stats, millis: now - then })
          })
      })
    }
  })
