/**
 * The middleware `loadShed` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { loadShed as middleware } from "../../server/middleware/LoadShed.ts"
import type { LoadShedOptions } from "../../server/middleware/LoadShed.ts"
import type { ServerLoad } from "../../server/middleware/ServerLoad.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that rejects requests while the process is overloaded. Its options are those of the middleware.
 *
 * **Example** (The load of this process)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { loadShed } from "fairlead/app/fairings"
 * import { ServerLoad } from "fairlead/server/middleware"
 *
 * const app = App.make("shop").manage(ServerLoad.layer).attach(loadShed())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const loadShed = (options?: LoadShedOptions): Fairing.Fairing<never, never, ServerLoad> =>
  Fairing.middleware(middleware(options))
