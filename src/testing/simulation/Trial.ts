/**
 * One point of a sweep: a fresh subject, a call disturbed once, and the check afterwards. Internal to the simulation kit.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"

import { OperationScheduler } from "./Operations.ts"
import type { Place } from "./Operations.ts"
import { settle } from "./Settling.ts"

/**
 * A call, and the check of the state after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject<S, A, E, E2, R2, R3> {
  /** The call to disturb. A scope that it uses closes when it ends. */
  readonly call: (subject: S) => Effect.Effect<A, E, R2>
  /** Checks the subject afterwards. The point is broken when the check returns `false`, fails, dies, or does not end. */
  readonly after: (subject: S, exit: Exit.Exit<A, E>) => Effect.Effect<unknown, E2, R3>
  /** How many operations a fiber executes before it yields by itself, as `Scheduler.MaxOpsBeforeYield`. Default: the context's, 2048. */
  readonly maxOpsBeforeYield?: number
  /** How long nothing may move before a call counts as one that hangs, in time that this process really had. Default: 1 second. */
  readonly hangAfter?: Duration.Input
  /** After how many broken points the sweep ends. Its report then counts the points until there. Default: it goes on to the last point. */
  readonly maxBroken?: number
  /** After how many points that hang the sweep ends, since each of them waits for `hangAfter` at least once. Default: 3. */
  readonly maxHangs?: number | undefined
}

/**
 * A point after which the subject was not as it has to be.
 *
 * @category models
 * @since 0.1.0
 */
export interface BrokenPoint {
  /** `operation`: interrupted before it; `wait`: interrupted while it waited after it; `call`: a service's call; `end`: nothing happened to the call at all. */
  readonly kind: "operation" | "wait" | "call" | "end"
  /** The number of the operation, or of the service's call, from 1. */
  readonly at: number
  /** Where the call was: its spans, its next operations, and the JavaScript stack. */
  readonly stack: string
  /** Why `after` did not hold. */
  readonly reason: string
}

/** The result of one point. */
export interface Trial {
  readonly place: Place | undefined
  readonly reason: string | undefined
  /** Whether something did not end: the subject, the call, the check or the scope. */
  readonly hangs: boolean
  /** The operations that were counted until the call was interrupted. */
  readonly until: number
}

/** How a call is disturbed: interrupted at an operation, or by a service whose calls are counted. */
export interface Disturbance {
  readonly at: number | undefined
  /** Whether the fiber yields before the operation, or goes on until it waits. */
  readonly yields?: boolean
  readonly arm?: () => void
  readonly disarm?: () => void
}

/** Makes a subject, disturbs one call, and checks what is left. */
export const attempt = <S, A, E, E1, E2>(
  subject: Subject<S, A, E, E2, any, any>,
  make: Effect.Effect<S, E1, any>,
  disturbance: Disturbance
): Effect.Effect<Trial> =>
  Effect.contextWith((outer: Context.Context<never>) => {
    const scheduler = new OperationScheduler(Context.get(outer, Scheduler.Scheduler))
    const hangAfter = Duration.toMillis(subject.hangAfter ?? "1 second")
    const scope = Scope.makeUnsafe()
    const context = contextOf(outer, scheduler, scope, subject.maxOpsBeforeYield)
    const settled = <B, E3>(
      what: string,
      effect: Effect.Effect<B, E3, any>,
      started?: (fiber: Fiber.Fiber<B, E3>) => void
    ) =>
      settle(
        what,
        () => scheduler.activity,
        hangAfter,
        () => {
          const fiber = Effect.runForkWith(context)(effect)
          started?.(fiber)
          return fiber
        }
      )

    let place: Place | undefined
    let until = 0
    const calling = (made: S) => {
      let fiber: Fiber.Fiber<A, E> | undefined
      const reached = (at: Place): void => {
        place = at
        // The fiber may reach its operation before it is known here, so the interruption comes in a microtask: the yield resumes later than that.
        queueMicrotask(() => {
          until = scheduler.operations
          fiber?.interruptUnsafe()
        })
      }
      return settled(
        "the call",
        Effect.suspend(() => {
          disturbance.arm?.()
          scheduler.arm(disturbance.at, disturbance.yields ?? true, reached)
          return Effect.scoped(subject.call(made)) as Effect.Effect<A, E>
        }),
        (started) => {
          fiber = started
        }
      )
    }

    const closing = settled("the subject's scope", Scope.close(scope, Exit.void))
    return Effect.gen(function* () {
      let reason: string | undefined
      let hangs = false
      const hanging = (found: string): string => {
        hangs = true
        return found
      }
      const made = yield* settled("make", make)
      if (made._tag === "Hangs") reason = hanging(made.reason)
      else if (Exit.isFailure(made.exit)) reason = `make: ${Cause.pretty(made.exit.cause)}`
      else {
        const { value } = made.exit
        const called = yield* calling(value)
        scheduler.disarm()
        disturbance.disarm?.()
        // Nothing waited: the call ended in the same turn, before the interruption came.
        if (disturbance.yields === false && until === 0) place = undefined
        reason = called._tag === "Hangs" ? hanging(called.reason) : undefined
        if (called._tag === "Ends") {
          const { exit } = called
          const checked = yield* settled(
            "after",
            Effect.suspend(() => subject.after(value, exit))
          )
          reason = checked._tag === "Hangs" ? hanging(checked.reason) : brokenBy(checked.exit)
        }
      }
      const closed = yield* closing
      if (closed._tag === "Hangs") reason ??= hanging(closed.reason)
      return { place, reason, hangs, until }
    }).pipe(Effect.onInterrupt(() => closing))
  })

const brokenBy = (checked: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isFailure(checked)) return `after: ${Cause.pretty(checked.cause)}`
  return checked.value === false ? "after: it returned false" : undefined
}

const contextOf = (
  outer: Context.Context<never>,
  scheduler: Scheduler.Scheduler,
  scope: Scope.Scope,
  maxOpsBeforeYield: number | undefined
): Context.Context<any> => {
  const context = outer.pipe(Context.add(Scheduler.Scheduler, scheduler), Context.add(Scope.Scope, scope))
  return maxOpsBeforeYield === undefined
    ? context
    : Context.add(context, Scheduler.MaxOpsBeforeYield, maxOpsBeforeYield)
}
