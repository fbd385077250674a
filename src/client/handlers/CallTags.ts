/**
 * Words about one call, for logs, spans and handlers of your own.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * The tags of a call, set around it: `log` and `tracing` add them to their annotations and attributes.
 *
 * **Example** (Tagging a call)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { CallTags } from "fairlead/client/handlers"
 *
 * const rooms = HttpClient.get("https://api.example.com/rooms").pipe(
 *   Effect.provideService(CallTags, { "app.feature": "rooms" })
 * )
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const CallTags: Context.Reference<Readonly<Record<string, string>>> = Context.Reference<
  Readonly<Record<string, string>>
>("fairlead/client/handlers/CallTags", { defaultValue: () => noTags })

const noTags: Readonly<Record<string, string>> = {}
