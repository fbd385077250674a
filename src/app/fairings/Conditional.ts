/**
 * The middleware `conditional` as a fairing: for every response of an application.
 *
 * @since 0.1.0
 */
import { conditional as middleware } from "../../server/middleware/Conditional.ts"
import type { ConditionalOptions } from "../../server/middleware/Conditional.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that answers conditional requests: 304 where the client has the present state, 412 where the state has changed. Its options are those of the middleware.
 *
 * **Example** (Tags and 304)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { conditional } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(conditional())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const conditional = <R = never>(options?: ConditionalOptions<R>): Fairing.Fairing<never, never, R> =>
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- the needs of a middleware are resolved where R is known
  Fairing.middleware(middleware(options)) as Fairing.Fairing<never, never, R>
