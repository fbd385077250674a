/** How something is evaluated many times: Effects in one fiber, so that what is measured is not the start of fibers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { PreventSchedulerYield } from "effect/References"

/** Evaluates a number of times, and throws unless the last answer is the one at the bottom. */
export type Run = (times: number) => void | Promise<void>

/** The result of every contender's evaluation. */
export interface Answer {
  readonly status: number
}

/** The status at the bottom: no contender answers with it on its own account. */
export const status = 207

const checkStatus = (answer: Answer | undefined): void => {
  if (answer?.status !== status) throw new Error(`The answer at the bottom was lost: ${answer?.status}.`)
}

/** A request ends long before its fiber's budget of operations does; a loop of thousands would not. */
export const unyielding: Context.Context<never> = Context.make(PreventSchedulerYield, true)

const looping =
  <R>(
    each: () => Effect.Effect<Answer, unknown, R>,
    evaluate: (loop: Effect.Effect<void, unknown, R>) => void | Promise<void>
  ): Run =>
  (times) => {
    let left = times
    let last: Answer | undefined
    const loop = Effect.whileLoop({
      while: () => left-- > 0,
      body: each,
      step: (answer) => {
        last = answer
      }
    })
    const running = evaluate(loop)
    if (running === undefined) return checkStatus(last)
    return running.then(() => checkStatus(last))
  }

/** Evaluates an Effect in one fiber each time, which must not suspend it. */
export const repeatEffect = <R>(context: Context.Context<R>, each: () => Effect.Effect<Answer, unknown, R>): Run =>
  looping(each, Effect.runSyncWith(context))

/** Evaluates an Effect in one fiber each time, which suspends it. */
export const repeatSuspending = <R>(context: Context.Context<R>, each: () => Effect.Effect<Answer, unknown, R>): Run =>
  looping(each, Effect.runPromiseWith(context))

/** Evaluates a function that returns its answer at once. */
export const repeatPlain =
  (answer: () => Answer): Run =>
  (times) => {
    let last: Answer | undefined
    for (let i = 0; i < times; i++) last = answer()
    checkStatus(last)
  }

/** Evaluates a function that returns a promise, one after the other. */
export const repeatAsync =
  (answer: () => Promise<Answer>): Run =>
  async (times) => {
    let last: Answer | undefined
    for (let i = 0; i < times; i++) last = await answer()
    checkStatus(last)
  }
