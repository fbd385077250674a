/**
 * The decisions of a client handler, as values: proceed, halt, respond, follow up.
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
 * Goes on, optionally with another request or with state for the same handler's `afterResponse`.
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
 * Asks for another request after this one: a whole new cycle through all handlers.
 *
 * @category models
 * @since 0.1.0
 */
export interface FollowUp<out Certain extends boolean = boolean> {
  readonly _tag: "FollowUp"
  readonly request: Request
  /** Why, for logs and for `exchange.reason` of the new cycle. */
  readonly reason: string
  /** Whether it takes the place of the failure that its handler saw. */
  readonly recovers: boolean
  /** Whether its handler bounds its own follow-ups, so that they do not count against the chain's `maxFollowUps`. */
  readonly isBounded: boolean
  /** Whether the driver can always send it: it is bounded, and its body can be sent again. */
  readonly isCertain: Certain
}

/**
 * Goes on, with the same request or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const proceed = (request?: Request): Proceed => ({ _tag: "Proceed", request, state: undefined })

/**
 * Goes on with state for the same handler's `afterResponse`, and optionally with another request.
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
 * Replaces the outcome by a response. The earlier response is not released, since the new one may read from it: release an unread one with
 * `exchange.release`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const respond = (response: Response): Respond => ({ _tag: "Respond", response })

/**
 * Options of a follow-up.
 *
 * @category models
 * @since 0.1.0
 */
export interface FollowUpOptions {
  /** Whether the handler bounds its own follow-ups, so that they do not count against the chain's `maxFollowUps`. Default: false. */
  readonly isBounded?: boolean
}

/**
 * Asks for another request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const followUp = (
  request: Request,
  reason: string,
  { isBounded = false }: FollowUpOptions = {}
): FollowUp<false> => ({ _tag: "FollowUp", request, reason, recovers: false, isBounded, isCertain: false })

/**
 * Asks for another request in place of the failure that the handler saw. A failure that a handler declared earlier raises still beats it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const followUpInstead = (
  request: Request,
  reason: string,
  { isBounded = false }: FollowUpOptions = {}
): FollowUp<false> => ({ _tag: "FollowUp", request, reason, recovers: true, isBounded, isCertain: false })

/**
 * A follow-up of a handler that bounds its follow-ups and has checked that the body can be sent again, so that no `FollowUpError` can come of it. Internal to the
 * client part.
 */
export const certainFollowUp = (request: Request, reason: string, recovers: boolean): FollowUp<true> => ({
  _tag: "FollowUp",
  request,
  reason,
  recovers,
  isBounded: true,
  isCertain: true
})

/**
 * The decisions of `run`.
 *
 * @category models
 * @since 0.1.0
 */
export type RunDecision = void | Proceed<unknown> | Halt

/**
 * The decisions of `afterResponse`.
 *
 * @category models
 * @since 0.1.0
 */
export type AfterDecision = void | Proceed | Respond | FollowUp

/**
 * The decision of a plain value or an Effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Decided<A> = A extends Effect.Effect<infer D, any, any> ? D : A

/**
 * The state that a `run` stores for its `afterResponse`.
 *
 * @category models
 * @since 0.1.0
 */
export type StateOf<A> = Decided<A> extends infer D ? (D extends Proceed<infer S> ? S : never) : never
