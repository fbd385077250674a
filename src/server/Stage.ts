/**
 * What the interpreter runs: a pipeline's stages with their types erased. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { Info } from "../core/Interceptor.ts"
import type { Request } from "./Model.ts"

/** Says that a recovering stage has no case for the error: the error passes on, by identity. */
export const Pass: unique symbol = Symbol("fairlead/server/Pass")

/** What the normal method of a before gives: a value, nothing, or an Effect of either. */
export type Outcome = unknown

/**
 * One stage. All have this one shape, so that the interpreter's loop reads monomorphic objects.
 *
 * - `before`: `run(request)` gives the service of `key`, or nothing. `slot` keeps the value for a pair's after.
 * - `recover`: `run(error)` gives a Context of what was skipped, then the flow jumps over `jump` stages.
 * - `handle`: `run(request)` gives the response.
 * - `after`: `run(response, request, stored)`.
 * - `catch`: `run(error)` gives the response; `defect`: `run(defect)` likewise.
 * - `ensure`: `run(exit)` is a finalizer of everything before it.
 */
export interface Stage {
  readonly op: (typeof Op)[keyof typeof Op]
  readonly name: string
  readonly run: (input: any, request: Request, stored: unknown) => Outcome
  /** The key of the provided service. */
  readonly key: string | undefined
  /** Which of the flow's stored values is the pair's, from 0; -1 for none. */
  readonly slot: number
  readonly jump: number
  /** Reports nothing itself: the handler and the arounds inside of it do. */
  readonly silent: boolean
  readonly info: Info
}

/** The kinds of stage, as the small integers that the interpreter compares. */
export const Op = { before: 0, recover: 1, handle: 2, after: 3, catch: 4, defect: 5, ensure: 6 } as const

/** Makes a stage; what is left out has no key, no slot and no jump. */
export const make = (
  op: keyof typeof Op,
  name: string,
  run: (input: any, request: Request, stored: unknown) => Outcome,
  more: {
    readonly key?: string
    readonly slot?: number
    readonly jump?: number
    readonly silent?: boolean
    readonly info?: Partial<Info>
  } = {}
): Stage => ({
  op: Op[op],
  name,
  run,
  key: more.key,
  slot: more.slot ?? -1,
  jump: more.jump ?? 0,
  silent: more.silent ?? false,
  info: {
    name,
    kind: more.info?.kind ?? op,
    provides: more.info?.provides ?? (more.key === undefined ? [] : [more.key]),
    recovers: more.info?.recovers ?? [],
    inner: more.info?.inner ?? []
  }
})
