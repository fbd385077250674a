/**
 * Where a pipeline ends up: a whole app on `HttpServer`, a web handler, a middleware of Effect's router or of another pipeline.
 *
 * A server runs the request's fiber uninterruptible. The terminals open interruption for the pipeline's own stages and for raw handlers, so
 * that a client's abort interrupts the work; the router opens it itself for each route, save those declared uninterruptible.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import { LayerServices } from "../core/LayerServices.ts"
import type { KeyId } from "../core/Types.ts"
import { build, RestKey } from "./Builder.ts"
import type { Ambient, App, IsApp, Response } from "./HttpTypes.ts"
import { keepingRoute } from "./KeptRoute.ts"
import type { ErrorOf, Rest } from "./PipelineState.ts"
import type { Closed } from "./PipelineTypes.ts"
import { handlerRoutes, noting } from "./RouteNotes.ts"
import type { NotedRoute } from "./RouteNotes.ts"
import { checkAtTerminal } from "./TerminalCheck.ts"

/** The compiler message for an app with unhandled errors. */
type IsHandled<A> =
  IsApp<A> extends infer Wrong ? (unknown extends Wrong ? NothingLeft<Effect.Error<A>> : Wrong) : never

/** The compiler message for an app with missing services. */
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
  Layer.unwrap(
    Effect.contextWith((context: Context.Context<Exclude<Effect.Services<A>, Ambient>>) =>
      Effect.succeed(HttpServer.serve(terminal(build(app as App, context))))
    )
  )

/**
 * A whole app as a function from a web `Request` to a web `Response`, for any web runtime. It compiles only when no error is left unhandled
 * and no service is missing; aborting the request's signal interrupts the app.
 *
 * @category terminals
 * @since 0.1.0
 */
export const toWebHandler = <A>(
  app: A & IsHandled<A> & IsComplete<A>
): ((request: globalThis.Request) => Promise<globalThis.Response>) => {
  const handler = HttpEffect.toWebHandler(terminal(build(app as App, Context.empty())))
  // Effect's handler takes a context too, which could take the place of a service.
  return (request) => handler(request)
}

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
} => {
  const { dispose, handler } = HttpEffect.toWebHandlerLayerWith(layer as Layer.Layer<unknown, E>, {
    toHandler: (context) => Effect.succeed(terminal(build(app as App, context)))
  })
  return {
    dispose,
    handler: (request) => handler(request)
  }
}

/** Makes an app ready for a server: interruptible, its response checked, its causes logged. Internal to Fairlead. */
export const terminal = (app: App): Effect.Effect<Response, never, Ambient> =>
  Effect.interruptible(checked(app)) as Effect.Effect<Response, never, Ambient>

/** Checks the response of an app, and logs the cause that the server turns into a response. */
const checked = (app: App): App =>
  Effect.withFiber((fiber) => {
    checkAtTerminal(fiber)
    return app
  })

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
  Effect.suspend(() => {
    const routes: Array<NotedRoute> = []
    const router = Effect.map(HttpRouter.HttpRouter, (router) => noting(router, (route) => void routes.push(route)))
    const noted = Layer.provide(layer, Layer.effect(HttpRouter.HttpRouter, router)) as typeof layer
    return Effect.zipWith(HttpRouter.toHttpEffect(noted), HttpRouter.RouterConfig, (handler, config) => {
      // Effect's router opens interruption for each route; outside of it a route declared uninterruptible must stay so.
      const app = Effect.uninterruptible(handler)
      handlerRoutes.set(app, { routes, config })
      return app
    })
  })

/** The requirements of a pipeline without the rest of the app. */
type Own<R> = Exclude<R, Rest<never, unknown>>

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
export const wrap = <P, F, R = never, N = never, H = never>(
  pipeline: Closed<P, F, R | Rest<N, H>> & IsNext<F>
): Wrap<N, H, Exclude<ErrorOf<F>, Types.unhandled>, Own<R>> => inFrontOf(build(pipeline as App, Context.empty())) as any

/** Runs a pipeline that was opened with `.next()` in front of an app; `services` are those of the Layer that built it. */
const inFrontOf =
  (pipeline: App, services?: LayerServices) =>
  (app: App): App =>
    // Outside of the rest the pipeline's own stages are interruptible; the rest gets back the state that was found.
    Effect.interruptibleMask((restore) =>
      Effect.contextWith((call: Context.Context<never>) => {
        // As an outer of another pipeline that was opened with `.next()`: the app in here has its own rest.
        const outside = Context.getOrUndefined(call, RestKey)
        const own =
          outside === undefined ? app : keepingRoute(app, (app) => Effect.provideService(app, RestKey, outside))
        const rest = restore(own) as Effect.Effect<Response>
        if (services === undefined || services.over(call) === call) {
          return Effect.provideService(checked(pipeline), RestKey, rest)
        }
        const restored = keepingRoute(rest, (rest) => services.restore(call, rest))
        return services.provide(Effect.provideService(checked(pipeline), RestKey, restored) as Effect.Effect<Response>)
      })
    )

/** The types in a middleware of Effect's router. */
interface RouterConfig {
  readonly provides: any
  readonly handles: any
  readonly error: any
  readonly requires: any
  readonly layerError: any
  readonly layerRequires: any
}

/**
 * A middleware of Effect's router that takes the services `N` when its Layer is built. Combined with a middleware that provides one of them to each
 * request, it becomes a type that names the service: list it in `requires`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TakenAtBuild<in N> {
  readonly combine: <Config extends RouterConfig>(
    other: HttpRouter.Middleware<Config> & ([Extract<Config["provides"], N>] extends [never] ? never : unknown)
  ) => { readonly "each request provides it, so list it in requires": Extract<Config["provides"], N> }
}

/**
 * A pipeline that was opened with `.next()`, as a middleware of Effect's `HttpRouter`. The services it needs are taken once, when the layer is
 * built, save those listed in `requires`, which each request must have; a request cannot put another service in the place of one that was taken.
 *
 * @category terminals
 * @since 0.1.0
 */
export const middleware = <
  P,
  F,
  R = never,
  N = never,
  H = never,
  const Q extends ReadonlyArray<Context.Key<any, any>> = readonly []
>(
  pipeline: Closed<P, F, R | Rest<N, H>> & IsNext<F>,
  options?: { readonly requires?: Q }
): NamingForgotten<Exclude<Own<R>, KeyId<Q[number]> | HttpRouter.Provided>> &
  HttpRouter.Middleware<{
    provides: N
    handles: H
    error: Exclude<ErrorOf<F>, Types.unhandled>
    requires: Extract<Own<R>, KeyId<Q[number]>>
    layerError: never
    layerRequires: Exclude<Own<R>, KeyId<Q[number]> | HttpRouter.Provided>
  }> => HttpRouter.middleware(withBuildServices(pipeline, options?.requires) as never) as any

type NamingForgotten<N> = [N] extends [never] ? unknown : TakenAtBuild<N>

/**
 * The same for all routes of a router at once, and for requests that no route matches: a Layer to provide to `HttpRouter.serve`. The routes may use
 * its services, and it may handle the errors `H` of `.next<H>()`.
 *
 * @category terminals
 * @since 0.1.0
 */
export const globalMiddleware = <P, F, R = never, N = never, H = never>(
  pipeline: Closed<P, F, R | Rest<N, H>> & IsNext<F>
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
 * Puts a pipeline before an app that knows nothing of it: a Layer that provides the `HttpServer` below it again, and wraps every app served on
 * it. The pipeline sees requests before any routing, and may change them. It compiles only when the pipeline adds no error.
 *
 * @category terminals
 * @since 0.1.0
 */
export const layerHttpServer = <P, F, R = never, N = never, H = never>(
  pipeline: Closed<P, F, R | Rest<N, H>> & IsNext<F> & NothingLeft<Exclude<ErrorOf<F>, Types.unhandled>>
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

// A pipeline with a rest of the app has the errors of that rest too, which nobody knows.
type IsNext<F> = [Types.unhandled] extends [F]
  ? unknown
  : { readonly "open it with .next(): it has a handler, not the rest of the app": never }

type NothingLeft<E> = [E] extends [never] ? unknown : { readonly "errors are left unhandled": E }

const withBuildServices = (
  pipeline: unknown,
  requires: ReadonlyArray<Context.Key<any, any>> = []
): Effect.Effect<(app: App) => Effect.Effect<Response>> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const services = new LayerServices(
      context,
      requires.map(({ key }) => key)
    )
    return Effect.succeed(inFrontOf(build(pipeline as App, context), services) as (app: App) => Effect.Effect<Response>)
  })
