/**
 * The middleware `csrf` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { csrf as middleware } from "../../server/middleware/Csrf.ts"
import type { CsrfOptions } from "../../server/middleware/Csrf.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that rejects requests that another site makes a browser send with the user's cookies. Its options are those of the middleware.
 *
 * **Example** (Forms of this site only)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { csrf } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(csrf({ allowedOrigins: ["https://shop.example"] }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const csrf = (options?: CsrfOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
