/**
 * The middleware `deadlineHeader` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { deadlineHeader as middleware } from "../../server/middleware/DeadlineHeader.ts"
import type { DeadlineHeaderOptions } from "../../server/middleware/DeadlineHeader.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that ends work whose client no longer waits. Its options are those of the middleware.
 *
 * **Example** (At most what the client waits)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { deadlineHeader } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(deadlineHeader())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const deadlineHeader = (options?: DeadlineHeaderOptions): Fairing.Fairing =>
  Fairing.middleware(middleware(options))
