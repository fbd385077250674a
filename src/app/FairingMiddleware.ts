/**
 * Server middleware as a fairing: around all that answers the requests of an application.
 *
 * @since 0.1.0
 */
import * as Composite from "../core/Composite.ts"
import { refusedBy } from "../core/InterceptorKind.ts"
import { isServiceKey } from "../core/ServiceClass.ts"
import type { Ended, Outer, Sending } from "../server/Middleware.ts"
import { kinds } from "../server/MiddlewareValue.ts"
import * as Pipeline from "../server/Pipeline.ts"
import { fairingOf } from "./FairingRecipe.ts"
import type { Fairing } from "./FairingTypes.ts"
import type { Handler } from "./Host.ts"

/**
 * Middleware that an application can have around its handler: an outer that provides no service and fails with nothing, a sending stage, an observer of the end.
 *
 * @category models
 * @since 0.1.0
 */
export type AroundMiddleware = Outer<never, never, unknown> | Sending<unknown> | Ended<unknown>

type NeedsOf<M> =
  M extends Outer<never, never, infer R> ? R : M extends Sending<infer R> ? R : M extends Ended<infer R> ? R : never

/**
 * A fairing of server middleware. It is around all that the application answers with: routes, the 404 of the router, the 500 of a defect.
 *
 * **Rules**
 *
 * 1. Middleware is an onion: of several such fairings the first attached is the outermost.
 * 2. It runs after the request hooks, and its sending stages before the response hooks.
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
export const middleware = <M extends AroundMiddleware>(middleware: M): Fairing<never, never, NeedsOf<M>> => {
  const name = nameOf(middleware)
  const open: any = Pipeline.make(name)
  const method = (["outer", "sending", "ended"] as const).find((kind) => kinds[kind].is(middleware))
  if (method === undefined) {
    throw refusedBy("Fairing", "middleware", { maker: "Middleware.outer, sending or ended" }, middleware)
  }
  const around = () => Pipeline.wrap(open[method](middleware).next()) as unknown as (handler: Handler) => Handler
  // Each application has its own state of the middleware.
  return Composite.cast(fairingOf(name, { middleware: around() }, () => fairingOf(name, { middleware: around() })))
}

const nameOf = (middleware: unknown): string => {
  if (typeof middleware !== "object" && typeof middleware !== "function") return "middleware"
  const entry = middleware as Composite.Entry<Composite.Recipe>
  return isServiceKey(entry) ? entry.key : entry.name
}
