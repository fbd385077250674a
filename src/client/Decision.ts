/**
 * What a client handler decides, as values: proceed, halt, respond, follow up.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"

/**
 * The request of an exchange.
 *
 * @category models
 * @since 0.1.0
 */
export type Request = HttpClientRequest.HttpClientRequest

/**
 * The response of an exchange.
 *
 * @category models
 * @since 0.1.0
 */
export type Response = HttpClientResponse.HttpClientResponse

/**
 * Goes on, with another request or with state for the same handler's `afterResponse`, where they are given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proceed<out S = never> {
  readonly _tag: "Proceed"
  readonly request: Request | undefined
  readonly state: S | undefined
}

/**
 * Answers with this response: the handlers declared later and the network are skipped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Halt {
  readonly _tag: "Halt"
  readonly response: Response
}

/**
 * Puts this response in place of the outcome: replaces a response, or recovers a failure.
 *
 * @category models
 * @since 0.1.0
 */
export interface Respond {
  readonly _tag: "Respond"
  readonly response: Response
}

/**
 * Asks for another request behind this one: a whole new cycle through all handlers.
 *
 * @category models
 * @since 0.1.0
 */
export interface FollowUp {
  readonly _tag: "FollowUp"
  readonly request: Request
  /** Why, for logs and for `exchange.reason` of the new cycle. */
  readonly reason: string
  /** Whether it takes the place of the failure that its handler saw. */
  readonly recovers: boolean
}

/**
 * Goes on, with another request where one is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const proceed = (request?: Request): Proceed => ({ _tag: "Proceed", request, state: undefined })

/**
 * Goes on with state for the same handler's `afterResponse`, and with another request where one is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const proceedWith = <S>(state: S, request?: Request): Proceed<S> => ({ _tag: "Proceed", request, state })

/**
 * Answers without the network.
 *
 * @category constructors
 * @since 0.1.0
 */
export const halt = (response: Response): Halt => ({ _tag: "Halt", response })

/**
 * Replaces the outcome by a response. The response that was there is not let go, since the new one may read from it: one that nobody will read is let go with
 * `exchange.release`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const respond = (response: Response): Respond => ({ _tag: "Respond", response })

/**
 * Asks for another request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const followUp = (request: Request, reason: string): FollowUp => ({
  _tag: "FollowUp",
  request,
  reason,
  recovers: false
})

/**
 * Asks for another request in place of the failure that the handler saw. A failure that a handler declared earlier raises still beats it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const followUpInstead = (request: Request, reason: string): FollowUp => ({
  _tag: "FollowUp",
  request,
  reason,
  recovers: true
})

/**
 * What `run` may decide.
 *
 * @category models
 * @since 0.1.0
 */
export type RunDecision = void | Proceed<unknown> | Halt

/**
 * What `afterResponse` may decide.
 *
 * @category models
 * @since 0.1.0
 */
export type AfterDecision = void | Proceed | Respond | FollowUp

/**
 * The decision behind a plain value or an Effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Decided<A> = A extends Effect.Effect<infer D, any, any> ? D : A

/**
 * The state that a `run` gives its `afterResponse`.
 *
 * @category models
 * @since 0.1.0
 */
export type StateOf<A> = Decided<A> extends infer D ? (D extends Proceed<infer S> ? S : never) : never
