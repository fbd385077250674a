/**
 * One exchange: a request on its way through the handlers, and its outcome on the way back.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"

import type { FollowUp, Request, Response } from "./Decision.ts"

/**
 * What came of the request so far: what the handlers see on the way back, the innermost first.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Response"; readonly response: Response }
  | { readonly _tag: "Failure"; readonly cause: Cause.Cause<unknown> }

/**
 * A place for state of the logical request, which survives follow-ups.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cell<in out S> {
  readonly name: string
  readonly initial: () => S
}

/**
 * Makes a place for state of the logical request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cell = <S>(name: string, initial: () => S): Cell<S> => ({ name, initial })

/**
 * One cycle of a request through the handlers. Each call of the client has its own; concurrent calls never share one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exchange {
  /** The request as this handler sees it: with the changes of the handlers declared before it, in both of its methods. */
  readonly request: Request
  /** The request of this cycle as no handler has changed it: what a follow-up is best made of, since it passes all handlers again. */
  readonly original: Request
  /** Counts the cycles of the logical request, from 1. */
  readonly attempt: number
  /** Why this cycle runs: `request`, or the reason of the follow-up. */
  readonly reason: string
  /** The handler that halted, if one did. */
  readonly haltedBy: string | undefined
  /**
   * The client below this handler, for requests of its own: they pass the handlers declared later, and never this one. Each is a logical request of its own. It
   * stays the same client when the exchange has ended.
   */
  readonly inner: HttpClient.HttpClient.With<unknown>
  /** The follow-up that an inner handler queued, if one did; another takes its place. */
  readonly queued: FollowUp | undefined
  /** Takes the queued follow-up away, and gives it. */
  readonly takeQueued: () => FollowUp | undefined
  /** State of the logical request. */
  readonly get: <S>(cell: Cell<S>) => S
  readonly set: <S>(cell: Cell<S>, value: S) => void
  /** Lets go of a response that nobody will read: its body is drained when it is small, else its connection is closed. */
  readonly release: (response: Response) => Effect.Effect<void>
}
