/**
 * Arounds, outers and wrapped handlers with their names. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as ContinuationFrame from "./ContinuationFrame.ts"
import type { App } from "./HttpTypes.ts"
import { isWatching, reported } from "./PipelineWatch.ts"
import { annotated } from "./StageCause.ts"

/** Puts the name of an around, an outer or a wrapped handler on its defects, and reports it to the probe. An `index` of nothing is the handler's. */
export const named = (composite: string, name: string, phase: string, app: App, index?: number): App => {
  const naming = (cause: Cause.Cause<unknown>): App => withOrigin(cause, composite, name) as App
  // Only a failure comes by here: a success passes the frame without a call.
  const frame = { [ContinuationFrame.onFailure]: naming }
  const plain: App = Effect.catchCause(app, naming)
  return Effect.withFiber((fiber) => {
    if (!(ContinuationFrame.support.isSupported ?? ContinuationFrame.isSupported())) {
      return isWatching() ? reported(fiber, name, phase, index, plain) : plain
    }
    const inner = isWatching() ? reported(fiber, name, phase, index, app) : app
    return ContinuationFrame.enter(fiber, frame, inner) as App
  })
}

const withOrigin = <E>(cause: Cause.Cause<E>, composite: string, interceptor: string): Effect.Effect<never, E> =>
  Cause.hasDies(cause)
    ? Effect.withFiber((fiber) => Exit.failCause(annotated(cause, fiber, composite, interceptor)))
    : Exit.failCause(cause)
