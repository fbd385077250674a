/**
 * The middleware `hostPolicy` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { hostPolicy as middleware } from "../../server/middleware/HostPolicy.ts"
import type { HostPolicyOptions } from "../../server/middleware/HostPolicy.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that admits only requests for the hosts of the application. Its options are those of the middleware.
 *
 * **Example** (One host)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { hostPolicy } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(hostPolicy({ hosts: ["shop.example"] }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const hostPolicy = (options: HostPolicyOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
