/**
 * Answers 405 with `Allow` where a route has the path and not the method, and OPTIONS, from the routes that exist. Effect's router answers both with 404.
 *
 * **Example** (Routes of Effect's router)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { methodNotAllowed } from "fairlead/server/middleware"
 *
 * const routes = Layer.mergeAll(
 *   HttpRouter.add("GET", "/rooms/:id", HttpServerResponse.text("room")),
 *   HttpRouter.add("DELETE", "/rooms/:id", HttpServerResponse.empty())
 * )
 *
 * // PUT /rooms/7: 405, with Allow: DELETE, GET, HEAD, OPTIONS
 * const handler = Pipeline.routes(methodNotAllowed(routes))
 * ```
 *
 * **Rules**
 *
 * 1. A path that a route has with another method is answered with 405 and `Allow` (RFC 9110 §15.5.6). A path of no route stays the router's 404.
 * 2. OPTIONS for a path of a route is answered with 204 and `Allow` (RFC 9110 §9.3.7), and `OPTIONS *` with the methods of all routes. A route for OPTIONS goes first.
 * 3. HEAD is allowed where GET is: the router answers it by the route for GET.
 *
 * **Order**
 *
 * Around all routes of a router, so that it knows all methods of a path.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FindMyWay from "effect/http/FindMyWay"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import * as Pipeline from "../Pipeline.ts"
import { handlerRoutes, noting } from "../RouteNotes.ts"
import type { NotedRoute } from "../RouteNotes.ts"

/**
 * Options of `methodNotAllowed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MethodNotAllowedOptions {
  /** Whether OPTIONS is answered with the methods of the path. Default: true. */
  readonly answersOptions?: boolean | undefined
  /** The name of the middleware. Default: `methodNotAllowed`. */
  readonly name?: string | undefined
}

/**
 * The same routes, where a wrong method is answered with 405 and OPTIONS with the methods that there are.
 *
 * @category middleware
 * @since 0.1.0
 */
export const methodNotAllowed = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  options: MethodNotAllowedOptions = {}
): Layer.Layer<A, E, R | HttpRouter.HttpRouter> => {
  const { answersOptions = true } = options
  const name = nameOr("methodNotAllowed", options.name)
  const router = Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const table = new MethodTable(yield* HttpRouter.RouterConfig)
    const answering = answeringBy(name, () => table, answersOptions)
    // No type of the router's middleware fits: it changes no error and no need of the routes.
    const around = Pipeline.wrap(Pipeline.make(name).outer(answering).next())
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- a pass of every request leaves no needs
    yield* router.addGlobalMiddleware(around) as Effect.Effect<void>
    return noting(router, (route) => table.add(route))
  })
  return Layer.provide(routes, Layer.effect(HttpRouter.HttpRouter, router)) as Layer.Layer<
    A,
    E,
    R | HttpRouter.HttpRouter
  >
}

/** An outer that answers what the router finds no route for, where the table has other methods of the path. Internal to Fairlead. */
export const answeringBy = (
  name: string,
  tableOf: () => MethodTable,
  answersOptions: boolean
): Middleware.Outer<never> => Middleware.outer(name, (app) => answered(app, tableOf, answersOptions))

/** The around of a handler that `Pipeline.routes` made. Internal to the server part. */
export const aroundRoutes =
  ({ answersOptions = true, ...options }: MethodNotAllowedOptions) =>
  (handler: unknown): (<E, R>(app: Effect.Effect<Response, E, R>) => Effect.Effect<Response, E, R>) => {
    const name = nameOr("methodNotAllowed", options.name)
    const known = typeof handler === "object" && handler !== null ? handlerRoutes.get(handler) : undefined
    if (known === undefined) {
      throw checkOptions(name).invalid("methodNotAllowed", "the handler has no routes: pass that of Pipeline.routes")
    }
    const table = new MethodTable(known.config)
    for (const route of known.routes) table.add(route)
    return Middleware.around(name, (app) => answered(app, () => table, answersOptions))
  }

const answered = <E, R>(
  app: Effect.Effect<Response, E, R>,
  tableOf: () => MethodTable,
  answersOptions: boolean
): Effect.Effect<Response, E, R> =>
  Effect.catch(app, (error) => {
    if (!(error instanceof HttpServerError.HttpServerError) || error.reason._tag !== "RouteNotFound") {
      return Effect.fail(error)
    }
    const { method, url } = error.reason.request
    const methods = tableOf().methodsOf(url)
    if (methods.length === 0) return Effect.fail(error)
    const isOptions = method === "OPTIONS"
    if (isOptions && !answersOptions) return Effect.fail(error)
    const allow = (answersOptions ? [...methods, "OPTIONS"] : methods).join(", ")
    return Effect.succeed(HttpServerResponse.empty({ status: isOptions ? 204 : 405, headers: { allow } }))
  })

/** Which methods a path has. Internal to Fairlead. */
export class MethodTable {
  private readonly router: FindMyWay.Router<void>
  private readonly methods = new Set<string>()

  constructor(config: Partial<FindMyWay.RouterConfig>) {
    this.router = FindMyWay.make(config)
  }

  add({ method, path }: NotedRoute): void {
    // A route for all methods leaves no method to refuse.
    if (method === "*") return
    this.methods.add(method)
    this.router.on(method, path as never, undefined)
    if (path.endsWith("/*")) this.router.on(method, path.slice(0, -2) as never, undefined)
  }

  /** The methods of a target in alphabetical order, without OPTIONS; `*` is the server as a whole. */
  methodsOf(url: string): ReadonlyArray<string> {
    const found = [...this.methods].filter((method) => url === "*" || this.router.find(method, url) !== undefined)
    if (found.includes("GET") && !found.includes("HEAD")) found.push("HEAD")
    return found.filter((method) => method !== "OPTIONS").toSorted()
  }
}
