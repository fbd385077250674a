/**
 * The middleware `methodNotAllowed` as a fairing: from all routes that an application has mounted.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"

import { cast } from "../../core/Composite.ts"
import { nameOr } from "../../core/Options.ts"
import { answeringBy, MethodTable } from "../../server/middleware/MethodNotAllowed.ts"
import type { MethodNotAllowedOptions } from "../../server/middleware/MethodNotAllowed.ts"
import type * as Fairing from "../Fairing.ts"
import { wrapping } from "../FairingMiddleware.ts"
import { fairingOf } from "../FairingRecipe.ts"
import type { AnyHooks } from "../FairingRecipe.ts"

/**
 * A fairing that answers 405 with `Allow` where a route has the path and not the method, and OPTIONS. It knows the mounted routes of all fairings too, and those of no other
 * listener. Its options are those of the middleware.
 *
 * **Example** (All routes)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { health, methodNotAllowed } from "fairlead/app/fairings"
 *
 * // POST /live: 405, with Allow: GET, HEAD, OPTIONS
 * const app = App.make("shop").attach(methodNotAllowed()).attach(health())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const methodNotAllowed = (options: MethodNotAllowedOptions = {}): Fairing.Fairing => {
  const { answersOptions = true } = options
  const name = nameOr("methodNotAllowed", options.name)
  const hooksOf = (composite: string): AnyHooks => {
    let table = new MethodTable({})
    const answering = answeringBy(name, () => table, answersOptions)
    return {
      // Before liftoff has ended no request is served.
      onLiftoff: ({ routes }) =>
        Effect.map(HttpRouter.RouterConfig, (config) => {
          table = new MethodTable(config)
          for (const route of routes) table.add(route)
        }),
      middleware: wrapping(answering)(composite)
    }
  }
  return cast(fairingOf(name, hooksOf(name), ({ composite }) => fairingOf(name, hooksOf(composite))))
}
