/**
 * Bounds in time: how a handler limits what happens inside of it. Internal to the client part.
 *
 * A handler has no hold on the work between its two methods, so a deadline needs the driver: it puts the bound around the network call, and around the
 * effects of the handlers declared later. A synchronous method is never bounded. The requests that those handlers make by `exchange.inner` are separate exchanges:
 * the bound is put around their network calls too, as `inner`, since the method that waits for them is bounded already, and other callers may share them.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Request } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"

/** The bounded work: the network call, a method of a handler declared later, or the network call of a request that such a handler makes. */
type BoundedWork = "network" | "method" | "inner"

/** Bounds one effect of the exchange; `request` is the request as it was by then. */
export type ExchangeBound = (
  effect: Effect.Effect<any, unknown>,
  work: BoundedWork,
  request: Request
) => Effect.Effect<any, unknown>

/** An exchange as the driver makes it. */
export interface BoundableExchange {
  bound(bound: ExchangeBound): void
}

/** Bounds what is declared after the handler whose `run` calls this, for this cycle. */
export const boundInside = (exchange: Exchange, bound: ExchangeBound): void =>
  (exchange as Exchange & BoundableExchange).bound(bound)
