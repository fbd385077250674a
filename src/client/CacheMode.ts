/**
 * How one call uses a cache.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * How a call uses the cache of its chain: the modes of fetch. `toFetch` sets it from `init.cache`.
 *
 * 1. `default`: a fresh response, else the network.
 * 2. `no-store`: the network alone; nothing is stored.
 * 3. `reload`: the network; its response is stored.
 * 4. `no-cache`: every stored response is validated.
 * 5. `force-cache`: any stored response, stale or not, else the network.
 * 6. `only-if-cached`: any stored response, else 504.
 *
 * **Example** (Reloading once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { CacheMode } from "fairlead/client/handlers"
 *
 * const reload = HttpClient.get("https://api.example.com/rooms").pipe(Effect.provideService(CacheMode, "reload"))
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const CacheMode: Context.Reference<Mode> = Context.Reference<Mode>("fairlead/client/handlers/CacheMode", {
  defaultValue: () => "default"
})

type Mode = "default" | "no-store" | "reload" | "no-cache" | "force-cache" | "only-if-cached"
