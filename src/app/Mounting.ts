/**
 * Makes handlers of mounted routes. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"

import type { Early, Handler } from "./Host.ts"
import type { Mounted } from "./Listeners.ts"
import { noting } from "./RouteList.ts"
import type { Route } from "./RouteList.ts"

/** A router over the routes; their list is pushed to `listed`. */
const routerOf = (mounted: ReadonlyArray<Mounted>, listed: Array<Route>): Effect.Effect<Handler, unknown, any> => {
  // One after the other, not concurrently: so they are listed in mount order.
  const layers = mounted.reduce<Layer.Layer<never, unknown>>(
    (all, { routes }) => Layer.provideMerge(routes, all),
    Layer.empty
  )
  return HttpRouter.toHttpEffect(Layer.provide(layers, noting(listed))) as Effect.Effect<Handler, unknown, any>
}

/** The handler of one listener: routes first, then the served app. Internal to the app part. */
export const handlerOf = (
  mounted: ReadonlyArray<Mounted>,
  served: Handler | undefined,
  listed: Array<Route>
): Effect.Effect<Handler, unknown, any> =>
  Effect.suspend(() => {
    // Effect's router opens interruption for each route itself.
    const app = served === undefined ? undefined : Effect.interruptible(served)
    if (mounted.length === 0 && app !== undefined) return Effect.succeed(app)
    return Effect.map(routerOf(mounted, listed), (router): Handler =>
      app === undefined
        ? router
        : (Effect.catchReason(
            router as Effect.Effect<any, any>,
            "HttpServerError",
            "RouteNotFound",
            () => app
          ) as Handler)
    )
  })

/** The handler for requests during liftoff, if there is any. Internal to the app part. */
export const earlyOf = (mounted: ReadonlyArray<Mounted>): Effect.Effect<Early | undefined, unknown, any> => {
  const early = mounted.filter(({ duringLiftoff }) => duringLiftoff)
  if (early.length === 0) return Effect.succeed(undefined)
  const listed: Array<Route> = []
  return Effect.map(routerOf(early, listed), (handler) => ({
    handler,
    requests: new Set(listed.flatMap(({ method, path }) => methodsOf(method).map((method) => `${method} ${path}`)))
  }))
}

const methodsOf = (method: string): ReadonlyArray<string> => (method === "GET" ? ["GET", "HEAD"] : [method])
