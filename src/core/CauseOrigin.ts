/**
 * Where a defect came from, kept in its `Cause`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import type { Part } from "./Description.ts"

/**
 * Where a defect came from: the annotation that an interpreter puts on the defect's `Cause`. The innermost one wins, so a
 * pipeline inside a pipeline is named, not the stage that ran it.
 *
 * @category services
 * @since 0.1.0
 */
export class CauseOrigin extends Context.Service<
  CauseOrigin,
  {
    readonly part: Part
    readonly composite: string
    readonly interceptor: string
    /** The log annotations that were in force there, such as the request's id. */
    readonly annotations: Readonly<Record<string, unknown>>
  }
>()("fairlead/Interceptor/CauseOrigin") {}

/** Names the interceptor in every reason of `cause` that has no name yet. Internal to Fairlead. */
export const annotate = <E>(cause: Cause.Cause<E>, origin: CauseOrigin["Service"]): Cause.Cause<E> =>
  Cause.annotate(cause, Context.make(CauseOrigin, origin))

/**
 * The interceptor that a cause's first defect came from, when an interpreter of Fairlead saw it pass.
 *
 * @category getters
 * @since 0.1.0
 */
export const causeOrigin = <E>(cause: Cause.Cause<E>): CauseOrigin["Service"] | undefined => {
  const defect = cause.reasons.find(Cause.isDieReason)
  return defect === undefined ? undefined : Context.getOrUndefined(Cause.reasonAnnotations(defect), CauseOrigin)
}

/** Logs a defect at level Error, with the interceptor that it came from in its cause and in the annotations of the line. Internal to Fairlead. */
export const logDefect = (
  message: string,
  cause: Cause.Cause<unknown>,
  origin: CauseOrigin["Service"]
): Effect.Effect<void> => {
  const annotated = annotate(cause, origin)
  return Effect.annotateLogs(Effect.logError(message, annotated), annotationsOf(causeOrigin(annotated) ?? origin))
}

/** The annotations of a log line about a defect. Internal to Fairlead. */
export const annotationsOf = (origin: CauseOrigin["Service"]): Readonly<Record<string, unknown>> => ({
  ...origin.annotations,
  "fairlead.part": origin.part,
  "fairlead.composite": origin.composite,
  "fairlead.interceptor": origin.interceptor
})
