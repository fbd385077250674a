/**
 * Notes the routes that layers add to Effect's router, which keeps no list. Internal to Fairlead.
 *
 * @since 0.1.0
 */
import type * as FindMyWay from "effect/http/FindMyWay"
import * as HttpRouter from "effect/http/HttpRouter"

/** A route as data. */
export interface NotedRoute {
  readonly method: string
  readonly path: string
}

/** The routes of a handler that `Pipeline.routes` made, and how its router compares paths. */
export const handlerRoutes = new WeakMap<
  object,
  { readonly routes: ReadonlyArray<NotedRoute>; readonly config: Partial<FindMyWay.RouterConfig> }
>()

/** A router that reports what is added to it. */
export const noting = (
  router: HttpRouter.HttpRouter,
  note: (route: NotedRoute) => void,
  prefix = ""
): HttpRouter.HttpRouter => ({
  ...router,
  prefixed: (more) => noting(router.prefixed(more), note, HttpRouter.prefixPath(more, prefix === "" ? "/" : prefix)),
  add(method, path, handler, options) {
    note({ method, path: at(prefix, path) })
    return router.add(method, path, handler, options)
  },
  addAll(routes) {
    for (const { method, path } of routes) note({ method, path: at(prefix, path) })
    return router.addAll(routes)
  }
})

const at = (prefix: string, path: string): string => (prefix === "" ? path : HttpRouter.prefixPath(path, prefix))
