/**
 * Where a pipeline ends up: a whole app on `HttpServer`, a web handler, a middleware of Effect's router or of another pipeline.
 *
 * A server runs the request's fiber uninterruptible. The terminals open interruption for the pipeline's own stages and for raw handlers, so
 * that a client's abort interrupts the work; the router opens it itself for each route, save those declared uninterruptible.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import { provideBelow } from "../core/Effects.ts"
import type { KeyId } from "../core/Types.ts"
import { RestKey } from "./Builder.ts"
import type { ErrorOf } from "./Failure.ts"
import type { Ambient, App, IsApp, Response } from "./Model.ts"
import type { Closed, Rest } from "./Phases.ts"
import { logDefect } from "./Respond.ts"

/** What is wrong with an app that has errors left, in words. */
type IsHandled<A> =
  IsApp<A> extends infer Wrong ? (unknown extends Wrong ? NothingLeft<Effect.Error<A>> : Wrong) : never

/** What is wrong with an app that has needs, in words. */
type IsComplete<A> = [Exclude<Effect.Services<A>, Ambient>] extends [never]
  ? unknown
  : { readonly "services are missing": Exclude<Effect.Services<A>, Ambient> }

/**
 * Serves a whole app on the `HttpServer`. It compiles only when no error is left unhandled.
 *
 * A defect that no stage caught answers 500 without details, and is logged once with the name of the stage it came from.
 *
 * @category terminals
 * @since 0.1.0
 */
export const serve = <A>(
  app: A & IsHandled<A>
): Layer.Layer<never, never, HttpServer.HttpServer | Exclude<Effect.Services<A>, Ambient>> =>
  HttpServer.serve(terminal(app as App)) as any

/**
 * A whole app as a function from a web `Request` to a web `Response`, for any web runtime. It compiles only when no error is left unhandled
 * and no service is missing; aborting the request's signal interrupts the app.
 *
 * @category terminals
 * @since 0.1.0
 */
export const toWebHandler = <A>(
  app: A & IsHandled<A> & IsComplete<A>
): ((request: globalThis.Request) => Promise<globalThis.Response>) => HttpEffect.toWebHandler(terminal(app as App))

/**
 * The same for an app with needs: the layer is built once, at once, and `dispose` releases it.
 *
 * @category terminals
 * @since 0.1.0
 */
export const toWebHandlerLayer = <A, E>(
  app: A & IsHandled<A>,
  layer: Layer.Layer<Exclude<Effect.Services<A>, Ambient>, E>
): {
  readonly handler: (request: globalThis.Request) => Promise<globalThis.Response>
  readonly dispose: () => Promise<void>
} =>
  HttpEffect.toWebHandlerLayer(
    terminal(app as App) as Effect.Effect<Response, never, any>,
    layer as Layer.Layer<any, E>
  ) as any

const terminal = (app: App): Effect.Effect<Response, never, Ambient> =>
  Effect.interruptible(
    Effect.tapCause(app, (cause) =>
      Cause.hasDies(cause)
        ? Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => logDefect(request, cause))
        : Effect.void
    )
  ) as any

/**
 * The routes of Effect's router as a handler, with the routes' errors and the router's own in its type: `HttpServerError` with the reason
 * `RouteNotFound` when no route matches.
 *
 * @category terminals
 * @since 0.1.0
 */
export const routes = <A, E, R>(
  layer: Layer.Layer<A, E, R>
): Effect.Effect<
  Effect.Effect<
    Response,
    HttpRouter.Request.Only<"Error", R> | HttpRouter.Request.Only<"GlobalError", R> | HttpServerError.HttpServerError,
    | HttpServerRequest.HttpServerRequest
    | Scope.Scope
    | HttpRouter.Request.Only<"Requires", R>
    | HttpRouter.Request.Only<"GlobalRequires", R>
  >,
  E,
  Exclude<HttpRouter.Request.Without<R>, HttpRouter.HttpRouter> | Scope.Scope
> =>
  // Effect's router opens interruption for each route; outside of it a route declared uninterruptible must stay so.
  Effect.map(HttpRouter.toHttpEffect(layer), Effect.uninterruptible) as any

/** What a pipeline needs beside the rest of the app. */
type Own<R> = Exclude<R, Rest<any, any>>

/**
 * A function from app to app: provides the services `N` to the app and handles its errors `H`, may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wrap<in out N, in out H, out E, out R> {
  <A>(
    app: A & IsApp<A>
  ): Effect.Effect<Response, E | Exclude<Effect.Error<A>, H>, R | Ambient | Exclude<Effect.Services<A>, N>>
}

/**
 * A pipeline that was opened with `.next()`, as a plain function from app to app: an around of another pipeline, an outer, or the
 * implementation of an `HttpApiMiddleware`.
 *
 * @category terminals
 * @since 0.1.0
 */
export const wrap =
  <P, F, R, N, H>(pipeline: Closed<P, F, R | Rest<N, H>>): Wrap<N, H, Exclude<ErrorOf<F>, Types.unhandled>, Own<R>> =>
  (app: unknown) =>
    // Outside of the rest the pipeline's own stages are interruptible; the rest gets back the state that was found.
    Effect.interruptibleMask((restore) =>
      Effect.contextWith((context: Context.Context<never>) => {
        // As an outer of another pipeline that was opened with `.next()`: the app in here has a rest of its own.
        const outside = Context.getOrUndefined(context, RestKey)
        const rest = outside === undefined ? (app as App) : Effect.provideService(app as App, RestKey, outside)
        return Effect.provideService(pipeline as App, RestKey, restore(rest))
      })
    ) as any

/**
 * A pipeline that was opened with `.next()`, as a middleware of Effect's `HttpRouter`. The services it needs are taken once, when the layer is
 * built, save those listed in `perRequest`, which each request must have.
 *
 * @category terminals
 * @since 0.1.0
 */
export const middleware = <P, F, R, N, H, const Q extends ReadonlyArray<Context.Key<any, any>> = readonly []>(
  pipeline: Closed<P, F, R | Rest<N, H>>,
  _options?: { readonly perRequest?: Q }
): HttpRouter.Middleware<{
  provides: N
  handles: H
  error: Exclude<ErrorOf<F>, Types.unhandled>
  requires: Extract<Own<R>, KeyId<Q[number]>>
  layerError: never
  layerRequires: Exclude<Own<R>, KeyId<Q[number]> | HttpRouter.Provided>
}> => HttpRouter.middleware(withBuildServices(pipeline) as never) as any

/**
 * The same for all routes of a router at once, and for requests that no route matches: a Layer to provide to `HttpRouter.serve`. The routes may use
 * what it provides, and it may handle the errors `H` of `.next<H>()`.
 *
 * @category terminals
 * @since 0.1.0
 */
export const globalMiddleware = <P, F, R, N, H>(
  pipeline: Closed<P, F, R | Rest<N, H>>
): Layer.Layer<
  | HttpRouter.Request.From<"Requires", N>
  | HttpRouter.Request.From<"Error", H>
  | HttpRouter.Request.From<"GlobalRequires", N>
  | HttpRouter.Request.From<"GlobalError", H>,
  never,
  | HttpRouter.HttpRouter
  | Exclude<Own<R>, HttpRouter.GlobalProvided>
  | HttpRouter.Request.From<"GlobalError", Exclude<ErrorOf<F>, Types.unhandled>>
> => HttpRouter.middleware(withBuildServices(pipeline) as never, { global: true }) as any

/**
 * Puts a pipeline in front of an app that knows nothing of it: a Layer that gives the `HttpServer` it is built on again, with every app served on it
 * wrapped. The pipeline sees requests before any routing, and may change them. It compiles only when the pipeline adds no error of its own.
 *
 * @category terminals
 * @since 0.1.0
 */
export const decorate = <P, F, R, N, H>(
  pipeline: Closed<P, F, R | Rest<N, H>> & NothingLeft<Exclude<ErrorOf<F>, Types.unhandled>>
): Layer.Layer<HttpServer.HttpServer, never, HttpServer.HttpServer | Own<R>> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const server = yield* HttpServer.HttpServer
      const inFront = yield* withBuildServices(pipeline)
      return HttpServer.make({
        address: server.address,
        serve: (app, middleware) =>
          middleware === undefined ? server.serve(inFront(app)) : server.serve(inFront(app), middleware)
      })
    })
  )

type NothingLeft<E> = [E] extends [never] ? unknown : { readonly "errors are left unhandled": E }

const withBuildServices = (pipeline: unknown): Effect.Effect<(app: App) => Effect.Effect<Response>> =>
  Effect.contextWith((built: Context.Context<never>) =>
    Effect.succeed((app: App) =>
      provideBelow(
        wrap(pipeline as Closed<never, never, Rest<never, never>>)(app as never) as Effect.Effect<Response>,
        built
      )
    )
  )
