/**
 * The middleware `trustedProxy` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { nameOr } from "../../core/Options.ts"
import { readerOf } from "../../server/middleware/TrustedProxy.ts"
import type { TrustedProxyOptions } from "../../server/middleware/TrustedProxy.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that reads the client's address and scheme from trusted proxies. Its options are those of the middleware.
 *
 * **Example** (Behind a load balancer)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { accessLog, trustedProxy } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(trustedProxy({ trust: ["10.0.0.0/8"] })).attach(accessLog())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const trustedProxy = (options: TrustedProxyOptions): Fairing.Fairing =>
  Fairing.onRequest(nameOr("trustedProxy", options.name), readerOf(options))
