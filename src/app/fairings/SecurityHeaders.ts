/**
 * The middleware `securityHeaders` as a fairing: for every response of an application.
 *
 * @since 0.1.0
 */
import { securityHeaders as middleware } from "../../server/middleware/SecurityHeaders.ts"
import type { SecurityHeadersOptions } from "../../server/middleware/SecurityHeaders.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that sets security headers on every response. Its options are those of the middleware.
 *
 * **Example** (A site)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { securityHeaders } from "fairlead/app/fairings"
 *
 * const app = App.make("site").attach(securityHeaders())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const securityHeaders = (options?: SecurityHeadersOptions): Fairing.Fairing =>
  Fairing.middleware(middleware(options))
