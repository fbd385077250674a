/**
 * Notes the routes that layers add to Effect's router, which does not tell them itself. Internal to the app part, but for `Route`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"

/**
 * A mounted route, as data.
 *
 * @category models
 * @since 0.1.0
 */
export interface Route {
  readonly method: string
  readonly path: string
}

/** A router that notes what is added to it in `list`. Internal to the app part. */
export const noting = (list: Array<Route>): Layer.Layer<HttpRouter.HttpRouter, never, HttpRouter.HttpRouter> =>
  Layer.effect(
    HttpRouter.HttpRouter,
    Effect.map(HttpRouter.HttpRouter, (router) => wrap(router, list, ""))
  )

const wrap = (router: HttpRouter.HttpRouter, list: Array<Route>, prefix: string): HttpRouter.HttpRouter => ({
  ...router,
  prefixed: (more) => wrap(router.prefixed(more), list, HttpRouter.prefixPath(more, prefix === "" ? "/" : prefix)),
  add(method, path, handler, options) {
    list.push({ method, path: at(prefix, path) })
    return router.add(method, path, handler, options)
  },
  addAll(routes) {
    list.push(...routes.map(({ method, path }) => ({ method, path: at(prefix, path) })))
    return router.addAll(routes)
  }
})

const at = (prefix: string, path: string): string => (prefix === "" ? path : HttpRouter.prefixPath(path, prefix))
