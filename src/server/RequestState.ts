/**
 * The state that a server of Effect keeps for a request: by its keys, since its module is not public. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as HttpEffect from "effect/http/HttpEffect"

/** The state of one request. */
export interface RequestState {
  preResponseHandler: HttpEffect.PreResponseHandler | undefined
  /** The cause that the server turns into the response. */
  readonly cause?: Cause.Cause<unknown> | undefined
  /** Whether `HttpMiddleware.logger` writes nothing. */
  loggerDisabled: boolean
}

/** The state of the request that the fiber handles. */
export const CurrentState = Context.Service<RequestState, RequestState>("effect/http/HttpEffect/CurrentRequestState")

/** The key of HttpRouter.RouteContext, by name: importing the router for it would put it into every bundle. */
export const Route = Context.Service<unknown, { readonly route: { readonly path: string } }>(
  "effect/http/HttpRouter/RouteContext"
)
