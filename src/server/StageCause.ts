/**
 * The causes of failed stages: which failure a stage can recover, and the name of the stage on its defects. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"

import { annotate } from "../core/CauseOrigin.ts"

/** Puts the name of an interceptor on a cause, with the log annotations of the fiber. */
export const annotated = <E>(
  cause: Cause.Cause<E>,
  fiber: Fiber.Fiber<any, any>,
  composite: string,
  interceptor: string
): Cause.Cause<E> => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  return annotate(cause, { part: "server", composite, interceptor, annotations })
}

/** The failure that a stage can recover. A cause that holds a failure and a defect is a defect, as for `Effect.catch`. */
export const failureOf = (cause: Cause.Cause<unknown>): Cause.Fail<unknown> | undefined =>
  Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)

/** Both causes. As for `Effect.onExit`, a finalizer that dies makes a defect of the failure that it saw. */
export const withDefects = (earlier: Cause.Cause<unknown>, cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const combined = Cause.combine(earlier, cause)
  if (!Cause.hasDies(combined)) return combined
  return Cause.fromReasons(
    combined.reasons.flatMap((reason) =>
      reason._tag === "Fail"
        ? Cause.annotate(Cause.die(reason.error), Cause.reasonAnnotations(reason)).reasons
        : [reason]
    )
  )
}
