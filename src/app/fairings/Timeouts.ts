/**
 * The middleware `timeouts` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { timeouts as middleware } from "../../server/middleware/Timeouts.ts"
import type { TimeoutsOptions } from "../../server/middleware/Timeouts.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that limits how long requests may take. Its options are those of the middleware.
 *
 * **Example** (Ten seconds for a response)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { timeouts } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(timeouts({ handler: "10 seconds" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const timeouts = (options?: TimeoutsOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
