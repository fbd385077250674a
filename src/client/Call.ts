/**
 * Calls of the methods of handlers: one that throws before it gives anything is a defect like any other. Internal to the client part.
 *
 * Written out for the two that every exchange calls, which spares them a closure.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"

import { isEffect } from "../core/Effects.ts"
import type { HandlerValue } from "./ClientHandler.ts"
import type { Response } from "./Decision.ts"
import type { Exchange, Outcome } from "./Exchange.ts"

/** Calls a `run`. */
export const run = (handler: HandlerValue, view: Exchange): unknown => {
  try {
    return handler.run!(view)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Calls an `afterResponse`. */
export const afterResponse = (
  handler: HandlerValue,
  view: Exchange,
  outcome: Outcome,
  state: Option.Option<unknown>
): unknown => {
  try {
    return handler.afterResponse!(view, outcome, state)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Calls any other method. */
export const attempt = (method: () => unknown): unknown => {
  try {
    return method()
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** What a `recover` gave, as a decision. */
export const recovered = (given: unknown): unknown =>
  isEffect(given)
    ? Effect.map(given as Effect.Effect<Response>, (response) => ({ _tag: "Respond", response }))
    : { _tag: "Respond", response: given }
