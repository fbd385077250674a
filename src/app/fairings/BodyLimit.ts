/**
 * The middleware `bodyLimit` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { bodyLimit as middleware } from "../../server/middleware/BodyLimit.ts"
import type { BodyLimitOptions } from "../../server/middleware/BodyLimit.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that limits how large the bodies of requests may be. Its options are those of the middleware.
 *
 * **Example** (At most 64 KiB)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { bodyLimit } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(bodyLimit({ maxBytes: "64 KiB" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const bodyLimit = (options?: BodyLimitOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
