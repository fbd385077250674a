/**
 * Bearer tokens that end: sends the current one, and after a 401 gets a new one and tries again.
 *
 * 1. One refresh at a time: whoever needs a token while one is on its way waits for that one. A caller that leaves does not cancel it for the others; a failure
 *    is told to all who wait, and the next request tries again.
 * 2. One more try for a request, and only when its body can be sent again. A second 401 goes to the caller.
 * 3. A 401 for a token that somebody else has replaced meanwhile is tried again with the new one, without another refresh.
 * 4. The refresh gets the client below this handler, so that its own requests never come back here.
 * 5. The token is for the given origins only, and an `Authorization` header of the caller stays.
 *
 * Order: inside of redirect, retry and cache; what is declared inside sees the refresh's requests too. Where it works: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Redacted from "effect/Redacted"

import { canReplay } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { withToken } from "./Bearer.ts"
import { boundTo, isFrom } from "./Origins.ts"

/**
 * Options of `refresh`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E, R> {
  /** The origins that the token is for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** Gets a new token, with the client below this handler. Give it a timeout: all requests wait for it. */
  readonly refresh: (inner: HttpClient.HttpClient.With<unknown>) => Effect.Effect<Redacted.Redacted, E, R>
  /** The token to begin with. Default: none, so that the first request refreshes. */
  readonly initial?: Redacted.Redacted
  /** Which responses say that the token is no good. Default: those with status 401. */
  readonly refused?: (response: ClientHandler.Response) => boolean
}

const tried = ClientHandler.cell("refresh tried", () => false)

/**
 * Sends a bearer token and gets a new one when it is refused.
 *
 * **Example** (OAuth client credentials)
 *
 * ```ts
 * import { Effect, Redacted, Schema } from "effect"
 * import { HttpClientRequest, HttpClientResponse } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { refresh } from "fairlead/client/handlers"
 *
 * class NoToken extends Schema.TaggedError<NoToken>()("NoToken", { cause: Schema.Defect() }) {}
 *
 * const grant = HttpClientRequest.post("https://id.example.com/token").pipe(
 *   HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" })
 * )
 * const chain = ClientChain.make("api").use(
 *   refresh({
 *     origins: ["https://api.example.com"],
 *     refresh: (inner) =>
 *       inner.execute(grant).pipe(
 *         Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ access_token: Schema.String }))),
 *         Effect.map(({ access_token }) => Redacted.make(access_token)),
 *         Effect.timeout("10 seconds"),
 *         Effect.mapError((cause) => new NoToken({ cause }))
 *       )
 *   })
 * )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const refresh = <E = never, R = never>(
  options: Options<E, R>
): ClientHandler.ClientHandler<E | ClientHandler.FollowUpError, R> => {
  const bound = boundTo("refresh", options.origins)
  const { refused = ({ status }) => status === 401 } = options
  let current = options.initial
  let flight: Deferred.Deferred<Redacted.Redacted, E> | undefined

  const renewed = (inner: HttpClient.HttpClient.With<unknown>): Effect.Effect<Redacted.Redacted, E, R> =>
    Effect.suspend(() => {
      if (flight !== undefined) return Deferred.await(flight)
      const landing = (flight = Deferred.makeUnsafe<Redacted.Redacted, E>())
      return Effect.suspend(() => options.refresh(inner)).pipe(
        Effect.onExit((exit) =>
          Effect.suspend(() => {
            if (exit._tag === "Success") current = exit.value
            flight = undefined
            return Deferred.done(landing, exit)
          })
        ),
        // Detached, so that the caller who happened to be first can leave without the others.
        Effect.forkDetach({ startImmediately: true }),
        Effect.andThen(Deferred.await(landing))
      )
    })

  return ClientHandler.make("refresh", {
    run: ({ inner, request }) => {
      if (bound(request) === undefined) return Effect.succeed(ClientHandler.proceedWith(undefined))
      const token = current === undefined ? renewed(inner) : Effect.succeed(current)
      return Effect.map(token, (token) => ClientHandler.proceedWith(token, withToken(request, token)))
    },
    afterResponse: (exchange, outcome, sent) => {
      const url = bound(exchange.request)
      if (outcome._tag === "Failure" || sent._tag === "None" || url === undefined) return Effect.void
      if (!isFrom(outcome.response, url) || !refused(outcome.response)) return Effect.void
      if (exchange.get(tried) || !canReplay(exchange.original)) {
        // The next request asks for a new token by itself.
        if (current === sent.value) current = undefined
        return Effect.void
      }
      exchange.set(tried, true)
      if (current === sent.value) current = undefined
      const token = current === undefined ? renewed(exchange.inner) : Effect.succeed(current)
      return Effect.as(token, ClientHandler.followUp(exchange.original, "token refreshed"))
    }
  })
}
