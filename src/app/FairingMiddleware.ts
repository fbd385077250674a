/**
 * Server middleware as a fairing: around all that answers the requests of an application.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"

import type * as Composite from "../core/Composite.ts"
import { refusedBy } from "../core/InterceptorKind.ts"
import { isServiceKey } from "../core/ServiceClass.ts"
import type { Ambient } from "../server/HttpTypes.ts"
import type { Before, Ended, Outer, Sending } from "../server/Middleware.ts"
import { kinds } from "../server/MiddlewareValue.ts"
import * as Pipeline from "../server/Pipeline.ts"
import { fairingOf } from "./FairingRecipe.ts"
import type { Fairing } from "./FairingTypes.ts"
import type { Handler } from "./Host.ts"

/**
 * Middleware that an application can have around its handler: a before that provides no service and whose errors respond, an outer that provides no service and fails with
 * nothing, a sending stage, an observer of the end.
 *
 * @category models
 * @since 0.1.0
 */
export type AroundMiddleware =
  | Before<never, HttpServerRespondable.Respondable, unknown>
  | Outer<never, never, unknown>
  | Sending<unknown>
  | Ended<unknown>

type NeedsOf<M> =
  M extends Before<never, unknown, infer R>
    ? R
    : M extends Outer<never, never, infer R>
      ? R
      : M extends Sending<infer R>
        ? R
        : M extends Ended<infer R>
          ? R
          : never

/** The services that a function of the request takes from the application. Internal to the app part. */
export type RequestNeeds<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * A fairing of server middleware. It is around all that the application answers with: routes, the 404 of the router, the 500 of a defect.
 *
 * **Rules**
 *
 * 1. Middleware is an onion: of several such fairings the first attached is the outermost.
 * 2. It runs after the request hooks, and its sending stages before the response hooks.
 * 3. The error of a before is its response.
 *
 * **Example** (Security headers for an application)
 *
 * ```ts
 * import { App, Fairing } from "fairlead/app"
 * import { securityHeaders } from "fairlead/server/middleware"
 *
 * const app = App.make("shop").attach(Fairing.middleware(securityHeaders()))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const middleware = <M extends AroundMiddleware>(middleware: M): Fairing<never, never, NeedsOf<M>> =>
  fairingAround(middleware)

/** A fairing of middleware with its types erased: the caller declares them. Internal to the app part. */
export const fairingAround = (middleware: unknown): any => {
  const name = nameOf(middleware)
  const around = wrapping(middleware)
  // Each application has its own state of the middleware, under its own name.
  const fairing = fairingOf(name, { middleware: around(name) }, ({ composite }) =>
    fairingOf(name, { middleware: around(composite) })
  )
  const { storeKey } = middleware as { readonly storeKey?: string }
  return storeKey === undefined ? fairing : { ...fairing, storeKey }
}

/** Puts the middleware around the handler of the application that has this name. Internal to the app part. */
export const wrapping = (middleware: unknown): ((composite: string) => (handler: Handler) => Handler) => {
  const method = (["before", "outer", "sending", "ended"] as const).find((kind) => kinds[kind].is(middleware))
  if (method === undefined) {
    throw refusedBy("Fairing", "middleware", { maker: "Middleware.before, outer, sending or ended" }, middleware)
  }
  return (composite) => {
    const open: any = Pipeline.make(composite)
    const around = open[method](middleware).next()
    return Pipeline.wrap(method === "before" ? around.respond() : around) as unknown as (handler: Handler) => Handler
  }
}

const nameOf = (middleware: unknown): string => {
  if ((typeof middleware !== "object" && typeof middleware !== "function") || middleware === null) return "middleware"
  const entry = middleware as Composite.Entry<Composite.Recipe>
  return isServiceKey(entry) ? entry.key : entry.name
}
