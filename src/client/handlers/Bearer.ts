/**
 * Bearer tokens by RFC 6750: sends a token with each request to the origins it is for.
 *
 * 1. The token goes in the `Authorization` header, to the given origins only; a redirect elsewhere loses it.
 * 2. An `Authorization` header of the caller stays, and no token is asked for then.
 * 3. A token that ends: use `refresh`, which asks for a new one after a 401.
 *
 * Order: inside of redirect, retry and cache; outside of what signs requests. Where it works: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"

import * as ClientHandler from "../ClientHandler.ts"
import { boundTo } from "./Origins.ts"

/**
 * Options of `bearer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E, R> {
  /** The origins that the token is for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** The token, or an Effect that gives it for each request. */
  readonly token: Redacted.Redacted | Effect.Effect<Redacted.Redacted, E, R>
}

/** A request with the token. */
export const withToken = (request: ClientHandler.Request, token: Redacted.Redacted): ClientHandler.Request =>
  HttpClientRequest.setHeader(request, "authorization", `Bearer ${Redacted.value(token)}`)

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
export const bearer = <E = never, R = never>({ origins, token }: Options<E, R>): ClientHandler.ClientHandler<E, R> => {
  const bound = boundTo("bearer", origins)
  const given: Effect.Effect<Redacted.Redacted, E, R> = Redacted.isRedacted(token) ? Effect.succeed(token) : token
  return ClientHandler.make("bearer", {
    run: ({ request }) =>
      bound(request) === undefined
        ? Effect.succeed(ClientHandler.proceed())
        : Effect.map(given, (token) => ClientHandler.proceed(withToken(request, token)))
  })
}
