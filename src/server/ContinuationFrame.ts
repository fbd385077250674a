/**
 * A frame on the stack of a fiber: goes on when the effect that it was pushed for has ended. Internal to the server part.
 *
 * Effect's own HTTP server pushes its frames in the same way. The stack and the names of the methods are not public, so a self-test runs before the
 * first use; where it fails, the interpreter goes on with public functions.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { EffectPrimitive } from "effect/Tracer"

/** Called with the value of the effect. */
export const onSuccess = "~effect/Effect/successCont"

/** Called with the cause of the effect; not for an interruption. */
export const onFailure = "~effect/Effect/failureCont"

/** Called first, for an interruption too. */
export const onEnd = "~effect/Effect/ensureCont"

/** A frame. */
export interface Frame {
  [onSuccess]?(value: unknown): Effect.Effect<any, any, any>
  [onFailure]?(cause: any): Effect.Effect<any, any, any>
  [onEnd]?(): undefined
}

/** Pushes a frame; the caller then returns the effect whose end the frame waits for. */
export const push = (fiber: Fiber.Fiber<any, any>, frame: Frame): void => {
  internalsOf(fiber)._stack.push(frame)
}

/** The method by which the loop of a fiber runs an effect. */
const evaluate = "~effect/Effect/evaluate"

/** Frames that run effects within each other's calls: at most so many, less one, before the loop of the fiber takes over. A power of two. */
const maxNested = 8

/**
 * Pushes a frame and runs `effect` up to its first suspension, which saves the loop of the fiber a turn; the caller returns the result. A thrown defect
 * goes to the frame, as from the loop: call it outside of any `try`.
 */
export const enter = (
  fiber: Fiber.Fiber<any, any>,
  frame: Frame,
  effect: Effect.Effect<any, any, any>
): Effect.Effect<any, any, any> => {
  const internals = internalsOf(fiber)
  internals._stack.push(frame)
  // A tracer sees each effect that the loop runs.
  if ((++internals.currentOpCount & (maxNested - 1)) === 0 || internals.cache.tracerContext !== undefined) return effect
  return (effect as unknown as EffectPrimitive<Effect.Effect<any, any, any>>)[evaluate](fiber)
}

/** The members of a fiber that frames need. */
interface FiberInternals {
  readonly _stack: Array<Frame | Unmasking>
  readonly _interruptedCause: Cause.Cause<never> | undefined
  readonly cache: Fiber.Fiber.Cache
  interruptible: boolean
  currentOpCount: number
}

const internalsOf = (fiber: Fiber.Fiber<any, any>): FiberInternals => fiber as unknown as FiberInternals

/** The frame that makes a fiber interruptible again; an interruption that waits is delivered then. */
interface Unmasking {
  [onEnd](fiber: Fiber.Fiber<any, any>): (() => Effect.Effect<never>) | undefined
}

const unmasking: Unmasking = {
  [onEnd](fiber) {
    const internals = internalsOf(fiber)
    internals.interruptible = true
    const cause = internals._interruptedCause
    return cause === undefined ? undefined : () => Exit.failCause(cause)
  }
}

/** Makes an interruptible fiber uninterruptible, until the frame that it pushes is reached; says whether it did. */
export const mask = (fiber: Fiber.Fiber<any, any>): boolean => {
  const internals = internalsOf(fiber)
  if (!internals.interruptible) return false
  internals.interruptible = false
  internals._stack.push(unmasking)
  return true
}

/** Takes back a `mask` whose frame is the next one on the stack. */
export const unmask = (fiber: Fiber.Fiber<any, any>): void => {
  const internals = internalsOf(fiber)
  internals._stack.pop()
  internals.interruptible = true
}

/** The cause with which the fiber was interrupted. */
export const interruptionOf = (fiber: Fiber.Fiber<any, any>): Cause.Cause<never> | undefined =>
  internalsOf(fiber)._interruptedCause

/** Whether frames can be used: `undefined` before the self-test. A test sets it to run the other way. */
export const support: { isSupported: boolean | undefined } = { isSupported: undefined }

/** Whether frames can be used. */
export const isSupported = (): boolean => (support.isSupported ??= passesSelfTest())

const passesSelfTest = (): boolean => {
  try {
    return ways.every((way) => succeeds(way) && fails(way) && dies(way) && isInterrupted(way)) && isMasked()
  } catch {
    return false
  }
}

/** A frame that writes down how it was called. */
const recorder = (calls: Array<string>): Frame => ({
  [onSuccess](value) {
    calls.push(`success ${String(value)}`)
    return Exit.succeed("resumed")
  },
  [onFailure]() {
    calls.push("failure")
    return Exit.succeed("recovered")
  },
  [onEnd]() {
    calls.push("end")
    return undefined
  }
})

/** A way to run an effect inside of a frame. */
type Way = typeof enter

const ways: ReadonlyArray<Way> = [
  (fiber, frame, effect) => {
    push(fiber, frame)
    return effect
  },
  enter
]

const framed = (way: Way, calls: Array<string>, effect: Effect.Effect<unknown, unknown>) =>
  Effect.withFiber((fiber) => way(fiber, recorder(calls), effect) as Effect.Effect<unknown, unknown>)

const succeeds = (way: Way): boolean => {
  const calls: Array<string> = []
  const effect = Effect.sync(() => calls.push("run"))
  const exit = Effect.runSyncExit(framed(way, calls, effect))
  return Exit.isSuccess(exit) && exit.value === "resumed" && calls.join() === "run,end,success 1"
}

const fails = (way: Way): boolean => {
  const calls: Array<string> = []
  const effect = Effect.suspend(() => Effect.fail("error"))
  const exit = Effect.runSyncExit(framed(way, calls, effect))
  return Exit.isSuccess(exit) && exit.value === "recovered" && calls.join() === "end,failure"
}

const dies = (way: Way): boolean => {
  const calls: Array<string> = []
  // A thrown value is a defect.
  const effect = Effect.sync((): unknown => JSON.parse("no JSON"))
  const exit = Effect.runSyncExit(framed(way, calls, effect))
  return Exit.isSuccess(exit) && exit.value === "recovered" && calls.join() === "end,failure"
}

const isInterrupted = (way: Way): boolean => {
  const calls: Array<string> = []
  const fiber = Effect.runFork(framed(way, calls, Effect.never))
  fiber.interruptUnsafe()
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.hasInterrupts(exit) && calls.join() === "end"
}

/** An interruption reaches a frame that masks, and after it the fiber is interruptible again. */
const isMasked = (): boolean => {
  const calls: Array<string> = []
  const frameOf = (fiber: Fiber.Fiber<any, any>): Frame => ({
    [onEnd]() {
      calls.push(`end ${mask(fiber)} ${mask(fiber)}`)
      return undefined
    },
    [onFailure](cause) {
      calls.push(`failure ${interruptionOf(fiber) !== undefined}`)
      return Exit.failCause(cause)
    },
    [onSuccess]() {
      unmask(fiber)
      calls.push(`success ${mask(fiber)}`)
      return Exit.void
    }
  })
  const run = (effect: Effect.Effect<unknown>) =>
    Effect.runFork(
      Effect.withFiber((fiber) => {
        push(fiber, frameOf(fiber))
        return effect
      })
    )
  const interrupted = run(Effect.never)
  interrupted.interruptUnsafe()
  const exit = interrupted.pollUnsafe()
  const succeeded = run(Effect.sync(() => {})).pollUnsafe()
  return (
    exit !== undefined &&
    Exit.hasInterrupts(exit) &&
    succeeded !== undefined &&
    Exit.isSuccess(succeeded) &&
    calls.join() === "end true false,failure true,end true false,success true"
  )
}
