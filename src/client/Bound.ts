/**
 * Bounds in time: how a handler limits what happens inside of it. Internal to the client part.
 *
 * A handler has no hold on what runs between its two methods, so a deadline needs the driver: it puts the wrap around the network call, and around the
 * effects of the handlers declared later. A synchronous method is never wrapped.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Exchange } from "./Exchange.ts"

/** Wraps one effect of the exchange: the network call, or a method of a handler that is declared later. */
export type Bound = (effect: Effect.Effect<any, unknown>, what: "network" | "method") => Effect.Effect<any, unknown>

/** What the driver's exchange can do beside what handlers see of it. */
export interface Boundable {
  bound(bound: Bound): void
}

/** Bounds what is declared after the handler whose `run` calls this, for this cycle. */
export const boundInside = (exchange: Exchange, bound: Bound): void => (exchange as Exchange & Boundable).bound(bound)
