/**
 * The middleware `concurrencyLimit` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { concurrencyLimit as middleware } from "../../server/middleware/ConcurrencyLimit.ts"
import type { ConcurrencyLimitOptions } from "../../server/middleware/ConcurrencyLimit.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that limits how many requests an application handles at once. Its options are those of the middleware.
 *
 * **Example** (A hundred at once, fifty more may wait)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { concurrencyLimit, health } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(health()).attach(concurrencyLimit({ maxRequests: 100, maxPending: 50 }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const concurrencyLimit = (options?: ConcurrencyLimitOptions): Fairing.Fairing =>
  Fairing.middleware(middleware(options))
