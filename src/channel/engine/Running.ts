/**
 * The work of a lane in a fiber, and the step after it. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import { Crashed, Replied } from "./Outcome.ts"
import type { Outcome } from "./Outcome.ts"

/** Work that goes on in a fiber, and what follows it. */
export interface Running {
  readonly effect: Effect.Effect<unknown, never, any>
  readonly scope: Scope.Scope | undefined
  /** Whether a join or the end of the socket may interrupt it. The end of a channel is never interrupted, not even before its first operation. */
  readonly interruptible: boolean
  readonly onExit: (exit: Exit.Exit<any>) => Running | undefined
}

/** An event's step, which is interrupted after that time. */
export const within = (step: unknown, millis: number): Effect.Effect<Outcome, never, any> =>
  Effect.timeoutOrElse(step as Effect.Effect<Outcome, never, any>, {
    duration: millis,
    orElse: () => Effect.succeed(new Replied("error", { reason: "handler timed out" }))
  })

/** Runs an uninterruptible Effect, if there is one, and then a function. */
export const goOn = (
  effect: Effect.Effect<void> | undefined,
  scope: Scope.Scope,
  then: () => void
): Running | undefined => {
  const follow = (): undefined => {
    then()
  }
  return effect === undefined ? follow() : { effect, scope, interruptible: false, onExit: follow }
}

/** Continues after the running work has ended. */
export const after = (running: Running | undefined, then: () => Running | undefined): Running | undefined =>
  running === undefined ? then() : { ...running, onExit: (exit) => after(running.onExit(exit), then) }

/** The end of a channel for which too much waits. */
export const overload = (text: string): Crashed => new Crashed(Cause.die(new Error(`${text} than may`)))
