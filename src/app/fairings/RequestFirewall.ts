/**
 * The middleware `requestFirewall` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { requestFirewall as middleware } from "../../server/middleware/RequestFirewall.ts"
import type { RequestFirewallOptions } from "../../server/middleware/RequestFirewall.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that rejects ambiguous requests. Its options are those of the middleware.
 *
 * **Example** (Before every route)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { requestFirewall } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(requestFirewall())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const requestFirewall = (options?: RequestFirewallOptions): Fairing.Fairing =>
  Fairing.middleware(middleware(options))
