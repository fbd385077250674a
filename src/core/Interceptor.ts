/**
 * What every interceptor and every composite of Fairlead says about itself.
 *
 * An interceptor has a name: it is seen in logs, drawings, the `Probe`'s events and in the reports of defects. This module
 * holds that description and the annotation by which a defect's `Cause` carries the name of the interceptor it came from.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"

/**
 * The five interception points of Fairlead.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = "server" | "app" | "client" | "channel" | "endpoint"

/**
 * One interceptor of a composite, as data: what drawings and inspectors are made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  /** The name the interceptor was given. */
  readonly name: string
  /** Which of its part's kinds it is, such as `before` or `outer`. */
  readonly kind: string
  /** The services it provides to what comes after it, by key. */
  readonly provides: ReadonlyArray<string>
  /** The error tags it recovers; `*` stands for all. */
  readonly recovers: ReadonlyArray<string>
  /** The interceptors inside it, when it is itself a composite. */
  readonly inner: ReadonlyArray<Info>
}

/**
 * A composite, as data: its interceptors in the order in which they run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Description {
  readonly part: Part
  readonly name: string
  readonly interceptors: ReadonlyArray<Info>
}

/**
 * Where a defect came from: the annotation that an interpreter puts on the defect's `Cause`. The innermost one wins, so a
 * pipeline inside a pipeline is named, not the stage that ran it.
 *
 * @category services
 * @since 0.1.0
 */
export class Origin extends Context.Service<
  Origin,
  {
    readonly part: Part
    readonly composite: string
    readonly interceptor: string
    /** The log annotations that were in force there, such as the request's id. */
    readonly annotations: Readonly<Record<string, unknown>>
  }
>()("fairlead/core/Interceptor/Origin") {}

/**
 * Names the interceptor in every reason of `cause` that has no name yet.
 *
 * @category combining
 * @since 0.1.0
 */
export const annotate = <E>(cause: Cause.Cause<E>, origin: Origin["Service"]): Cause.Cause<E> =>
  Cause.annotate(cause, Context.make(Origin, origin))

/**
 * The interceptor that a cause's first defect came from, when an interpreter of Fairlead saw it pass.
 *
 * @category getters
 * @since 0.1.0
 */
export const originOf = <E>(cause: Cause.Cause<E>): Origin["Service"] | undefined => {
  const defect = cause.reasons.find(Cause.isDieReason)
  return defect === undefined ? undefined : Context.getOrUndefined(Cause.reasonAnnotations(defect), Origin)
}
