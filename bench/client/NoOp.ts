/**
 * One client handler that does nothing, in the form of each contender: `forth` on the way out, `back` on the way back.
 *
 * `freshCopies` loads this module once for each handler, because in an application every handler is a separate function: closures of one
 * function literal would let the engine inline them all, and flatter everyone.
 */
import type { Dispatcher } from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const nothing = (): Promise<void> => Promise.resolve()

export const forth = (): void => {}
export const back = (): void => {}
export const forthExit = (): Exit.Exit<void> => Exit.void
export const backExit = (): Exit.Exit<void> => Exit.void
export const forthSync = (): Effect.Effect<void> => Effect.sync(() => {})
export const backSync = (): Effect.Effect<void> => Effect.sync(() => {})
export const forthSuspending = (): Effect.Effect<void> => Effect.promise(nothing)
export const backSuspending = (): Effect.Effect<void> => Effect.promise(nothing)

/** The value that passes, as steps and axios want it. */
export const request = <A>(value: A): A => value
export const response = <A>(value: A): A => value

/** Like a middleware around `fetch`. */
export const nested =
  <A, B>(forth: () => void, back: () => void, next: (input: A) => Promise<B>) =>
  async (input: A): Promise<B> => {
    forth()
    const output = await next(input)
    back()
    return output
  }

/** By hand, since undici's own `DecoratorHandler` asserts at each step. */
class Passing implements Dispatcher.DispatchHandler {
  readonly back: () => void
  readonly next: Dispatcher.DispatchHandler

  constructor(back: () => void, next: Dispatcher.DispatchHandler) {
    this.back = back
    this.next = next
  }
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.next.onRequestStart?.(controller, context)
  }
  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2],
    message?: string
  ): void {
    this.back()
    this.next.onResponseStart?.(controller, status, headers, message)
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.next.onResponseData?.(controller, chunk)
  }
  onResponseEnd(
    controller: Dispatcher.DispatchController,
    trailers: Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseEnd"]>>[1]
  ): void {
    this.next.onResponseEnd?.(controller, trailers)
  }
  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.next.onResponseError?.(controller, error)
  }
}

export const interceptor =
  (forth: () => void, back: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) => {
    forth()
    return dispatch(options, new Passing(back, handler))
  }
