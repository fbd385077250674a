/**
 * The needs and errors of routes, from the types of their layers.
 *
 * @since 0.1.0
 */
import type * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Scope from "effect/Scope"

type PerRequest = HttpServerRequest.HttpServerRequest | Scope.Scope

/**
 * The services that routes need, when they are built and at each request.
 *
 * @category models
 * @since 0.1.0
 */
export type RouteServices<R> =
  | Exclude<HttpRouter.Request.Without<R>, HttpRouter.HttpRouter>
  | Exclude<HttpRouter.Request.Only<"Requires" | "GlobalRequires", R>, PerRequest>

/**
 * The errors that routes leave unhandled.
 *
 * @category models
 * @since 0.1.0
 */
type RouteErrors<R> = HttpRouter.Request.Only<"Error" | "GlobalError", R>

/**
 * `unknown` when the routes leave no error open, else the errors by name.
 *
 * @category checks
 * @since 0.1.0
 */
export type NoRouteError<R> = [RouteErrors<R>] extends [never]
  ? unknown
  : { readonly "a route still fails with": RouteErrors<R> }
