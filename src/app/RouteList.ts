/**
 * Notes the routes that layers add to Effect's router, which keeps no list. Internal to the app part, but for `Route`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"

import * as RouteNotes from "../server/RouteNotes.ts"

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
    Effect.map(HttpRouter.HttpRouter, (router) => RouteNotes.noting(router, (route) => void list.push(route)))
  )
