/**
 * Runs one stage of a response on its way out: a defect in it is logged, and the response goes out without its change. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { annotate } from "../core/CauseOrigin.ts"
import { isEffect } from "../core/Effects.ts"
import type { Event } from "../core/ProbeEvent.ts"
import { endOfExit, succeeded } from "../core/Watch.ts"
import type { Watch } from "../core/Watch.ts"
import type { Request, Response } from "./HttpTypes.ts"
import { logDefect } from "./Respond.ts"
import { faultOf } from "./Sendable.ts"

/** A stage, and where it runs. */
export interface StageOrigin {
  readonly composite: string
  readonly stage: string
  readonly request: Request
  readonly context: Context.Context<never>
  readonly watch: Watch | undefined
  /** The report of its start, where a probe listens. */
  readonly started: Event | undefined
}

/** Reports the start of a stage, in the flow of the outermost pipeline. */
export const begin = (
  watch: Watch | undefined,
  composite: string,
  { index, name }: { readonly name: string; readonly index?: number },
  phase: string
): Event | undefined =>
  watch === undefined || index === undefined
    ? undefined
    : watch.start(name, phase, index, undefined, undefined, composite)

/** Reports the end of a stage that has done its work. */
export const ended = (watch: Watch | undefined, started: Event | undefined): void => {
  if (started !== undefined) watch?.end(started, succeeded)
}

/** The result of a stage; an Exit where it threw. */
export const attempt = <A, B, C, D>(run: (a: A, b: B, c: C, d: D) => unknown, a: A, b: B, c: C, d: D): unknown => {
  try {
    return run(a, b, c, d)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** The response that a stage made, or the previous one when it died or made none that can be sent. */
export const settle = (out: unknown, previous: Response, origin: StageOrigin): Effect.Effect<Response> => {
  const made = isEffect(out) ? (out as Effect.Effect<unknown>) : Effect.succeed(out)
  const checked = Effect.flatMap(made, (response) => {
    const fault = faultOf(response)
    return fault === undefined
      ? Effect.succeed(response as Response)
      : Effect.die(new TypeError(`The stage returned an unsendable response: ${fault}`))
  })
  return Effect.catchCause(reported(checked, origin), (cause) => Effect.as(logged(cause, origin), previous))
}

/** Waits for an observer of the end, whatever comes of it. */
export const observe = (out: Effect.Effect<unknown, unknown>, origin: StageOrigin): Effect.Effect<unknown> =>
  Effect.catchCause(reported(out, origin), (cause) => logged(cause, origin))

/** Runs in the stage's context, and reports how it ends. */
const reported = <A, E>(effect: Effect.Effect<A, E>, { context, started, watch }: StageOrigin): Effect.Effect<A, E> => {
  if (started === undefined || watch === undefined) return inContext(effect, context)
  return Effect.onExitPrimitive(inContext(effect, watch.enter(context)), (exit) => {
    watch.end(started, endOfExit(exit))
    return undefined
  })
}

const inContext = <A, E>(effect: Effect.Effect<A, E>, context: Context.Context<never>): Effect.Effect<A, E> =>
  Effect.updateContext(effect, () => context)

const logged = (
  cause: Cause.Cause<unknown>,
  { composite, context, request, stage }: StageOrigin
): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : inContext(
        logDefect(request, annotate(cause, { part: "server", composite, interceptor: stage, annotations: {} })),
        context
      )
