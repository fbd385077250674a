/**
 * Bearer tokens that end: sends the current one, and after a 401 gets a new one and tries again.
 *
 * 1. One refresh at a time: whoever needs a token while one is on its way waits for that one. A caller that leaves does not cancel it: a
 *    server may have replaced the old token by then. A failure is reported to all who wait, and the next request tries again.
 * 2. One more try for a request, and only when its body can be sent again. A second 401 goes to the caller.
 * 3. A 401 for a token that somebody else has replaced meanwhile is tried again with the new one, without another refresh.
 * 4. The refresh gets the client below this handler, so that its own requests never come back here.
 * 5. The token is for the listed origins only, and an `Authorization` header of the caller stays.
 *
 * Order: inside of redirect, retry and cache; handlers declared inside see the refresh's requests too. Where it works: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { canReplay } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { certainFollowUp } from "../Decision.ts"
import { boundTo, isFrom, withToken } from "./Origins.ts"

/**
 * Options of `refresh`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RefreshOptions<E, R> {
  /** The handler's name. Default: `refresh`. */
  readonly name?: string
  /** The origins that the token is for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** Gets a new token, with the client below this handler. Set a timeout on it: all requests wait for it. */
  readonly refresh: (
    inner: HttpClient.HttpClient.With<unknown>
  ) => Effect.Effect<Redacted.Redacted | ExpiringToken, E, R>
  /** The token to begin with. Default: none, so that the first request refreshes. */
  readonly initial?: Redacted.Redacted
  /** Which responses say that the token is no good. Default: those with status 401. */
  readonly isExpired?: (response: ClientHandler.Response) => boolean
  /** How long before the end of an `ExpiringToken` it is renewed. Default: 30 seconds, or a tenth of its life, the shorter of the two. */
  readonly renewBefore?: Duration.Input
}

/**
 * A token whose life is known, as OAuth's `expires_in` says: it is renewed before it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExpiringToken {
  readonly token: Redacted.Redacted
  /** How long it lives from now on. */
  readonly expiresIn: Duration.Input
}

interface Held {
  readonly token: Redacted.Redacted
  /** When it is to be renewed, in milliseconds of the clock. */
  readonly renewAt: number
}

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
export const refresh = <E = never, R = never>(options: RefreshOptions<E, R>): ClientHandler.ClientHandler<E, R> => {
  const name = nameOr("refresh", options.name)
  const check = checkOptions(name)
  const bound = boundTo(name, options.origins)
  const { isExpired = ({ status }) => status === 401 } = options
  const renewBefore =
    options.renewBefore === undefined
      ? undefined
      : Duration.toMillis(check.duration("renewBefore", options.renewBefore, { zero: true }))
  const tried = ClientHandler.cell(`${name} tried`, () => false)

  const heldOf = (made: Redacted.Redacted | ExpiringToken, now: number): Held => {
    if (Redacted.isRedacted(made)) return { token: made, renewAt: Number.POSITIVE_INFINITY }
    const life = Duration.toMillis(made.expiresIn)
    return { token: made.token, renewAt: now + life - (renewBefore ?? Math.min(30_000, life / 10)) }
  }

  return ClientHandler.make(name, () => {
    let current = options.initial === undefined ? undefined : heldOf(options.initial, 0)
    let flight: Deferred.Deferred<Redacted.Redacted, E> | undefined

    const landed = (landing: Deferred.Deferred<Redacted.Redacted, E>, exit: Exit.Exit<Held, E>) =>
      Effect.suspend(() => {
        if (Exit.isSuccess(exit)) current = exit.value
        flight = undefined
        return Deferred.done(
          landing,
          Exit.map(exit, ({ token }) => token)
        )
      })
    // The flight is noted and its fiber started in one step: an interruption between the two would leave a flight that never lands.
    const renewed = (inner: HttpClient.HttpClient.With<unknown>): Effect.Effect<Redacted.Redacted, E, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          if (flight !== undefined) return restore(Deferred.await(flight))
          const landing = (flight = Deferred.makeUnsafe<Redacted.Redacted, E>())
          const made = Effect.flatMap(
            Effect.suspend(() => options.refresh(inner)),
            (token) => Effect.map(Clock.currentTimeMillis, (now) => heldOf(token, now))
          )
          return Effect.onExit(Effect.interruptible(made), (exit) => landed(landing, exit)).pipe(
            Effect.forkDetach({ startImmediately: true }),
            Effect.andThen(restore(Deferred.await(landing)))
          )
        })
      )
    const tokenFor = (inner: HttpClient.HttpClient.With<unknown>): Effect.Effect<Redacted.Redacted, E, R> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        current === undefined || current.renewAt <= now ? renewed(inner) : Effect.succeed(current.token)
      )

    return {
      run: ({ inner, request }) => {
        if (bound(request) === undefined) return Effect.succeed(ClientHandler.proceedWith(undefined))
        return Effect.map(tokenFor(inner), (token) => ClientHandler.proceedWith(token, withToken(request, token)))
      },
      afterResponse: (outcome, exchange, sent) => {
        const url = bound(exchange.request)
        if (outcome._tag === "Failure" || sent._tag === "None" || url === undefined) return Effect.void
        if (!isFrom(outcome.response, url) || !isExpired(outcome.response)) return Effect.void
        if (current?.token === sent.value) current = undefined
        // The next request asks for a new token by itself.
        if (exchange.get(tried) || !canReplay(exchange.original)) return Effect.void
        exchange.set(tried, true)
        return Effect.as(tokenFor(exchange.inner), certainFollowUp(exchange.original, "token refreshed", false))
      }
    }
  })
}
