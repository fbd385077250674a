/**
 * The middleware `problemDetails` as a fairing: for every response of an application.
 *
 * @since 0.1.0
 */
import { problemDetails as middleware } from "../../server/middleware/ProblemDetails.ts"
import type { ProblemDetailsOptions } from "../../server/middleware/ProblemDetails.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that sets a body of problem details on every error without a body. Its options are those of the middleware.
 *
 * **Example** (Errors as JSON)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { problemDetails } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(problemDetails())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const problemDetails = (options?: ProblemDetailsOptions): Fairing.Fairing =>
  Fairing.middleware(middleware(options))
