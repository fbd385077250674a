/**
 * Bounds in time: how a handler limits what happens inside of it. Internal to the client part.
 *
 * A handler has no hold on what runs between its two methods, so a deadline needs the driver: it puts the wrap around the network call, and around the
 * effects of the handlers declared later. A synchronous method is never wrapped. The requests that those handlers make by `exchange.inner` are exchanges of their own:
 * the wrap is put around their network calls too, and told so, since the method that waits for them is wrapped already, and other callers may share them.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Request } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"

/** What is wrapped: the network call, a method of a handler that is declared later, or the network call of a request that such a handler makes. */
type What = "network" | "method" | "inner"

/** Wraps one effect of the exchange, at which the request had got to be what is given. */
export type Bound = (effect: Effect.Effect<any, unknown>, what: What, request: Request) => Effect.Effect<any, unknown>

/** What the driver's exchange can do beside what handlers see of it. */
export interface Boundable {
  bound(bound: Bound): void
}

/** Bounds what is declared after the handler whose `run` calls this, for this cycle. */
export const boundInside = (exchange: Exchange, bound: Bound): void => (exchange as Exchange & Boundable).bound(bound)
