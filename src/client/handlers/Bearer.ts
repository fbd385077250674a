/**
 * Bearer tokens by RFC 6750: sends a token with each request to the origins it is for.
 *
 * 1. The token goes in the `Authorization` header, to the listed origins only; a redirect elsewhere loses it.
 * 2. An `Authorization` header of the caller stays, and no token is asked for then.
 * 3. A token that ends: use `refresh`, which asks for a new one after a 401.
 *
 * Order: inside of redirect, retry and cache; outside of handlers that sign requests. Where it works: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"

import { nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { boundTo, withToken } from "./Origins.ts"

/**
 * Options of `bearer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BearerOptions<E, R> {
  /** The handler's name. Default: `bearer`. */
  readonly name?: string
  /** The origins that the token is for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** The token, or an Effect that returns it for each request. */
  readonly token: Redacted.Redacted | Effect.Effect<Redacted.Redacted, E, R>
}

/**
 * Sends a bearer token.
 *
 * **Example** (A token from the configuration)
 *
 * ```ts
 * import { Config } from "effect"
 * import { ClientChain } from "fairlead/client"
 * import { bearer } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api").use(
 *   bearer({ origins: ["https://api.example.com"], token: Config.Redacted("API_TOKEN") })
 * )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const bearer = <E = never, R = never>({
  name,
  origins,
  token
}: BearerOptions<E, R>): ClientHandler.ClientHandler<E, R> => {
  const named = nameOr("bearer", name)
  const bound = boundTo(named, origins)
  return ClientHandler.make(named, {
    run: ({ request }) => {
      if (bound(request) === undefined) return Exit.succeed(ClientHandler.proceed())
      const withIt = (token: Redacted.Redacted) => ClientHandler.proceed(withToken(request, token))
      return Redacted.isRedacted(token) ? Exit.succeed(withIt(token)) : Effect.map(token, withIt)
    }
  })
}
