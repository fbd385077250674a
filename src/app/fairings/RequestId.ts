/**
 * The middleware `requestId` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import { requestId as middleware } from "../../server/middleware/RequestId.ts"
import type { RequestIdOptions } from "../../server/middleware/RequestId.ts"
import type * as Fairing from "../Fairing.ts"
import { fairingAround } from "../FairingMiddleware.ts"

/**
 * A fairing that names each request, in its response and in the logs. Its options are those of the middleware.
 *
 * **Example** (An id for each request)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { accessLog, requestId } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(requestId()).attach(accessLog())
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const requestId = <A extends Effect.Effect<string> = Effect.Effect<string>>(
  options?: RequestIdOptions<A>
): Fairing.Fairing =>
  // A route reads the id by `Effect.serviceOption(RequestId)`: its type cannot know what the application attaches.
  fairingAround(middleware(options))
