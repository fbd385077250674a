/**
 * The middleware `metrics` as a fairing: for every request of an application.
 *
 * @since 0.1.0
 */
import { metrics as middleware } from "../../server/middleware/Metrics.ts"
import type { MetricsOptions } from "../../server/middleware/Metrics.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that measures requests by OpenTelemetry's names. Its options are those of the middleware.
 *
 * **Example** (Two applications in one process)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { metrics } from "fairlead/app/fairings"
 *
 * const shop = App.make("shop").attach(metrics({ attributes: { "service.name": "shop" } }))
 * const admin = App.make("admin").attach(metrics({ attributes: { "service.name": "admin" } }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const metrics = (options?: MetricsOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
