/**
 * The stages of a pipeline for the interpreter, with their types erased. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

import { infoOf } from "../core/Description.ts"
import type { InterceptorInfo } from "../core/Description.ts"
import type { Request } from "./HttpTypes.ts"

/** Says that a recovering stage has no case for the error: the error passes on, by identity. */
export const Pass: unique symbol = Symbol("fairlead/server/Pass")

/** In place of a key: the stage returns a Context of its services, because its implementation is looked up at the evaluation. */
export const ManyKeys = "fairlead/server/ManyKeys"

/** The result of a method: a value, nothing, or an Effect of either. */
type Outcome = unknown

/** A method of a stage: `stored` is the value of a pair's before, `context` has the services so far. */
export type Run = (input: any, request: Request, stored: unknown, context: Context.Context<never>) => Outcome

/** In place of `stored`, for the failure method of a pair: the cause that passes by, and the value of the pair's before. */
export interface Caught {
  readonly cause: Cause.Cause<unknown>
  readonly stored: Option.Option<unknown>
}

/**
 * One stage. All have this one shape, so that the interpreter's loop reads monomorphic objects.
 *
 * - `before`: `run(request)` returns the service of `key`, or nothing. `slot` keeps the value for a pair's after.
 * - `recover`: `run(error)` returns a Context of the skipped services, then the flow jumps over `jump` stages.
 * - `handle`: `run(request)` returns the response.
 * - `after`: `run(response, request, stored)`.
 * - `catch`: `run(error)` returns the response; `defect`: `run(defect)` likewise.
 * - `onExit`: `run(exit)` is a finalizer of everything before it.
 * - `headers`: an after that sets `headers`; the interpreter sets those of stages in a row on one copy.
 */
export interface Stage {
  readonly op: (typeof Op)[keyof typeof Op]
  readonly name: string
  readonly run: Run
  /** The result of `run`, where it is the same Effect for every request: then it is not called. */
  readonly effect: Effect.Effect<unknown, unknown, unknown> | undefined
  /** The key of the provided service. */
  readonly key: string | undefined
  /** Which of the flow's stored values is the pair's, from 0; -1 for none. */
  readonly slot: number
  readonly jump: number
  /** Whether it is a before that provides and stores nothing. */
  readonly returnsNothing: boolean
  /** The headers of a `headers` stage, by lower-case name. */
  readonly headers: Readonly<Record<string, string>> | undefined
  /** Reports nothing itself: the handler and the arounds inside of it do. */
  readonly silent: boolean
  readonly info: InterceptorInfo
}

/** The kinds of stage, as the small integers that the interpreter compares. */
export const Op = { before: 0, recover: 1, handle: 2, after: 3, catch: 4, defect: 5, onExit: 6, headers: 7 } as const

/** Makes a stage; by default it has no key, no slot and no jump. */
export const make = (
  op: keyof typeof Op,
  name: string,
  run: Run,
  more: {
    readonly effect?: Stage["effect"]
    readonly key?: string
    readonly slot?: number
    readonly jump?: number
    readonly headers?: Readonly<Record<string, string>>
    readonly silent?: boolean
    readonly info?: Partial<InterceptorInfo>
  } = {}
): Stage => ({
  op: Op[op],
  name,
  run,
  effect: more.effect,
  key: more.key,
  slot: more.slot ?? -1,
  jump: more.jump ?? 0,
  returnsNothing: op === "before" && more.key === undefined && more.slot === undefined,
  headers: more.headers,
  silent: more.silent ?? false,
  info: infoOf({
    name,
    kind: op,
    ...(more.key === undefined || more.key === ManyKeys ? {} : { provides: [more.key] }),
    ...more.info
  })
})
