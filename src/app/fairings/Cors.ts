/**
 * The middleware `cors` as a fairing: for every response of an application.
 *
 * @since 0.1.0
 */
import { cors as middleware } from "../../server/middleware/Cors.ts"
import type { CorsOptions } from "../../server/middleware/Cors.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that lets the pages of other origins read the responses. Its options are those of the middleware.
 *
 * **Example** (One origin)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { cors } from "fairlead/app/fairings"
 *
 * const app = App.make("api").attach(cors({ allowedOrigins: ["https://app.example"] }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const cors = <R = never>(options: CorsOptions<R>): Fairing.Fairing<never, never, R> =>
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- the needs of a middleware are resolved where R is known
  Fairing.middleware(middleware(options)) as Fairing.Fairing<never, never, R>
