/**
 * One exchange: a request on its way through the handlers, and its outcome on the way back.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"

import type { BodyWatcher } from "./BodyWatcher.ts"
import type { FollowUp, Request, Response } from "./Decision.ts"

/**
 * The outcome of the request so far, as the handlers see it on the way back, the innermost first.
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
  /** The request of this cycle as no handler has changed it, save by `once`: make follow-ups of it, since they pass all handlers again. */
  readonly original: Request
  /** Counts the cycles of the logical request, from 1. */
  readonly attempt: number
  /** Why this cycle runs: `request`, or the reason of the follow-up. */
  readonly followUpReason: string
  /** The handler that halted, if one did. */
  readonly haltedBy: string | undefined
  /**
   * The client below this handler, for further requests: they pass the handlers declared later, and never this one. Each is a separate logical request. It
   * stays the same client when the exchange has ended.
   */
  readonly inner: HttpClient.HttpClient.With<unknown>
  /** The follow-up that an inner handler queued, if one did; another takes its place. */
  readonly queued: FollowUp | undefined
  /** Takes the queued follow-up away, and returns it. */
  readonly takeQueued: () => FollowUp | undefined
  /** State of the logical request. */
  readonly get: <S>(cell: Cell<S>) => S
  readonly set: <S>(cell: Cell<S>, value: S) => void
  /** Releases a response that nobody will read: its body is drained when it is small, else its connection is closed. */
  readonly release: (response: Response) => Effect.Effect<void>
  /** Watches the body of the response that this handler sees. All watchers share one pass over it. Called in `run`, it waits for the response; without one it does nothing. */
  readonly onBody: (watcher: BodyWatcher) => void
  /**
   * Registers what undoes a change, in case the call is interrupted before this handler's `afterResponse` has run. Register it in the same synchronous step that makes
   * the change: then an interruption finds either both or neither.
   */
  readonly onInterrupt: (undo: () => Effect.Effect<void> | void) => void
}
