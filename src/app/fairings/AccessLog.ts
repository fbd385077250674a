/**
 * The middleware `accessLog` as a fairing: for every request of an application.
 *
 * @since 0.1.0
 */
import { accessLog as middleware } from "../../server/middleware/AccessLog.ts"
import type { AccessLogOptions } from "../../server/middleware/AccessLog.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that logs a line for each request, once its response was sent or cut. Its options are those of the middleware.
 *
 * **Example** (An access log)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { accessLog } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(accessLog())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const accessLog = <R = never>(options?: AccessLogOptions<R>): Fairing.Fairing<never, never, R> =>
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- the needs of a middleware are resolved where R is known
  Fairing.middleware(middleware(options)) as Fairing.Fairing<never, never, R>
