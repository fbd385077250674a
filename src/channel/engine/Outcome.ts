/**
 * How the work of a channel came out: the values that a lane acts on. Internal to the channel part.
 *
 * A step is an outcome, or an Effect of one: whatever answers at once is handled at once, and only what suspends costs a fiber.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import { isEffect, isExit } from "../../core/Effects.ts"
import type { Payload } from "../wire/Message.ts"

/** Nothing more is to be done. */
class GoesOn {
  readonly _tag = "GoesOn"
}

/** The client is answered. */
export class Replied {
  readonly _tag = "Replied"
  readonly status: string
  readonly payload: Payload
  constructor(status: string, payload: Payload) {
    this.status = status
    this.payload = payload
  }
}

/** The client is answered later, while the channel goes on. */
export class Later {
  readonly _tag = "Later"
  readonly answer: Effect.Effect<Replied | Crashed, never, any>
  constructor(answer: Effect.Effect<Replied | Crashed, never, any>) {
    this.answer = answer
  }
}

/** The channel ends in order, after a last reply where there is one. */
export class Stopped {
  readonly _tag = "Stopped"
  readonly reply: Replied | undefined
  constructor(reply: Replied | undefined) {
    this.reply = reply
  }
}

/** The channel ends for a defect. */
export class Crashed {
  readonly _tag = "Crashed"
  readonly cause: Cause.Cause<unknown>
  /** The handler to blame; nothing for the channel itself. */
  readonly interceptor: string | undefined
  constructor(cause: Cause.Cause<unknown>, interceptor?: string) {
    this.cause = cause
    this.interceptor = interceptor
  }
}

/** How an event came out. */
export type Outcome = GoesOn | Replied | Later | Stopped | Crashed

/** The one value of its kind. */
export const goesOn = new GoesOn()

/** An outcome, or an Effect of one. */
export type Step<A = Outcome> = A | Effect.Effect<A, never, any>

/** Goes on with how an Effect ended: at once if it has. */
export const settle = <A, B>(
  effect: Effect.Effect<A, unknown, any>,
  use: (exit: Exit.Exit<A, unknown>) => Step<B>
): Step<B> =>
  isExit(effect)
    ? use(effect as Exit.Exit<A, unknown>)
    : Effect.flatMap(Effect.exit(effect), (exit) => asEffect(use(exit)))

/** A step as an Effect. */
export const asEffect = <A>(step: Step<A>): Effect.Effect<A, never, any> =>
  isEffect(step) ? (step as Effect.Effect<A, never, any>) : Effect.succeed(step as A)

/** The typed failure of a cause; nothing where there is a defect, or none but interruptions. */
export const failureOf = (cause: Cause.Cause<unknown>): Cause.Fail<unknown> | undefined =>
  Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)
