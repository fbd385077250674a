/**
 * The middleware `rateLimit` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import type * as RateLimiter from "effect/persistence/RateLimiter"

import { rateLimit as middleware } from "../../server/middleware/RateLimit.ts"
import type { RateLimitOptions } from "../../server/middleware/RateLimit.ts"
import type * as Fairing from "../Fairing.ts"
import { fairingAround } from "../FairingMiddleware.ts"
import type { RequestNeeds } from "../FairingMiddleware.ts"

/**
 * A fairing that keeps the requests of each client within a rate. Its options are those of the middleware.
 *
 * **Example** (A hundred a minute)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { App } from "fairlead/app"
 * import { rateLimit } from "fairlead/app/fairings"
 *
 * const limiter = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)
 * const app = App.make("shop").manage(limiter).attach(rateLimit({ limit: 100, window: "1 minute" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const rateLimit = <
  K extends string | Effect.Effect<string, HttpServerRespondable.Respondable, unknown> = string
>(
  options: RateLimitOptions<K>
): Fairing.Fairing<never, never, RateLimiter.RateLimiter | RequestNeeds<K>> => fairingAround(middleware(options))
