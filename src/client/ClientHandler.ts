/**
 * Client handlers: what sees every request on its way out, and every outcome on its way back.
 *
 * 1. *run*, in declared order: may change the request, halt with a response, or fail. What is declared later, and the network, is then skipped.
 * 2. The network, through the `HttpClient` below.
 * 3. *afterResponse*, in exact reverse order, of every handler, always: after a response, a halt, a typed failure or a defect. It may observe, replace the
 *    response, recover a failure, fail, or queue a follow-up. It gets the state that its `run` gave, or `None` when its `run` was not reached or gave none.
 * 4. A follow-up runs when the way back is at its end, as a whole new cycle through all handlers; a failure that is left beats it, save the one that it was queued
 *    to recover (`followUpInstead`).
 * 5. Interruption ends the exchange: no `afterResponse` runs for it.
 *
 * A method may give a plain decision, which is the fastest, or an Effect of one. The model is trillium-client's `ClientHandler`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Types from "effect/Types"

import type { AfterDecision, Decided, FollowUp, RunDecision, StateOf } from "./Decision.ts"
import type { Exchange, Outcome } from "./Exchange.ts"
import type { FollowUpError } from "./FollowUpError.ts"

export { replayable } from "./Body.ts"
export { followUp, followUpInstead, halt, proceed, proceedWith, respond } from "./Decision.ts"
export type { FollowUp, Halt, Proceed, Request, Respond, Response } from "./Decision.ts"
export { cell } from "./Exchange.ts"
export type { Cell, Exchange, Outcome } from "./Exchange.ts"
export { FollowUpError } from "./FollowUpError.ts"
export { Service } from "./HandlerService.ts"
export type { ServiceClass, ServiceOptions } from "./HandlerService.ts"

const TypeId = "~fairlead/client/ClientHandler"

/**
 * A client handler: may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientHandler<out E = never, out R = never> {
  readonly [TypeId]: { readonly _E: Types.Covariant<E>; readonly _R: Types.Covariant<R> }
}

type Or<A> = A | Effect.Effect<A, unknown, unknown>

type FollowUpErrorOf<B> = [Extract<Decided<B>, FollowUp>] extends [never] ? never : FollowUpError

/**
 * The two methods of a handler.
 *
 * @category models
 * @since 0.1.0
 */
export interface Methods<A, B> {
  /** On the way out. */
  readonly run?: (exchange: Exchange) => A
  /** On the way back. */
  readonly afterResponse?: (exchange: Exchange, outcome: Outcome, state: Option.Option<StateOf<A>>) => B
}

/**
 * Makes a handler.
 *
 * **Example** (Timing)
 *
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { ClientHandler } from "fairlead/client"
 *
 * const timing = ClientHandler.make("timing", {
 *   run: () => Effect.map(Clock.currentTimeMillis, (start) => ClientHandler.proceedWith(start)),
 *   afterResponse: (exchange, _, start) =>
 *     Effect.gen(function*() {
 *       if (start._tag === "None") return
 *       const end = yield* Clock.currentTimeMillis
 *       yield* Effect.log(`${exchange.request.url} took ${end - start.value} ms`)
 *     })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends Or<RunDecision> = void, B extends Or<AfterDecision> = void>(
  name: string,
  methods: Methods<A, B>
): ClientHandler<Effect.Error<A> | Effect.Error<B> | FollowUpErrorOf<B>, Effect.Services<A> | Effect.Services<B>> => {
  const value: HandlerValue = {
    name,
    run: methods.run,
    afterResponse: methods.afterResponse as HandlerValue["afterResponse"]
  }
  return value as never
}

/** A handler with its types erased. Internal to the client part. */
export interface HandlerValue {
  readonly name: string
  readonly run: ((exchange: Exchange) => unknown) | undefined
  readonly afterResponse: ((exchange: Exchange, outcome: Outcome, state: Option.Option<unknown>) => unknown) | undefined
}
