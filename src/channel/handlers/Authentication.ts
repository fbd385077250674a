/**
 * Lets clients connect by a credential, and provides the authenticated client to all later handlers and channels.
 *
 * 1. The credential is looked for where `from` says, in that order: the token, a parameter, a cookie, or a header. The first one present, and not empty,
 *    counts; after a wrong one no other is tried.
 * 2. `verify` makes the service of it: the current user. Its failure is the answer: a `Reject`, or the response of the error.
 * 3. Without a credential the connect is rejected with 401, or goes on as `anonymous` where that option is set.
 * 4. `id` sets the socket's id, by which `ChannelServer.disconnect` closes all sockets of a user, at a logout or a ban.
 * 5. The credential is `Redacted`. A parameter is in the URL, which proxies and servers write to their logs: prefer the token. A cookie is sent by a browser
 *    whatever page opens the socket: only the origin check of the mount refuses other pages.
 *
 * Order: directly after `log` and `metrics`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

import { cast } from "../../core/Composite.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Declared, Is, Yields } from "../../core/Types.ts"
import * as ChannelHandler from "../ChannelHandler.ts"
import type { ConnectRequest } from "../ChannelSocket.ts"

/**
 * Where a credential is: the token that the client sent outside of its parameters, where the mount accepts one (`authToken`); or a parameter, a cookie or a header of that name.
 *
 * @category models
 * @since 0.1.0
 */
export type CredentialSource =
  | "token"
  | { readonly param: string }
  | { readonly cookie: string }
  | { readonly header: string }

/**
 * Options of `authentication`; `S` is the service with the authenticated client.
 *
 * @category models
 * @since 0.1.0
 */
export interface AuthenticationOptions<S, A> {
  /** Where the credential is. Default: `token`. */
  readonly from?: CredentialSource | ReadonlyArray<CredentialSource>
  /** Makes of a credential what is known of the client. */
  readonly verify: (
    credential: Redacted.Redacted,
    connect: ConnectRequest
  ) => A &
    Is<A, Yields<S>, "does not return the service"> &
    Declared<A, ChannelHandler.Reject | HttpServerRespondable.Respondable>
  /** The socket's id. Default: none. */
  readonly id?: (known: NoInfer<S>) => string | undefined
  /** The value for a client without a credential. Default: it is rejected. */
  readonly anonymous?: NoInfer<S> | undefined
  /** The longest credential in characters; a longer one is rejected before it is verified. Default: 4096. */
  readonly maxTokenChars?: number
  /** Its name. Default: `authentication`. */
  readonly name?: string
}

const read = (connect: ConnectRequest, source: CredentialSource): string | undefined => {
  if (source === "token") return connect.token === undefined ? undefined : Redacted.value(connect.token)
  if ("param" in source) return connect.params.get(source.param)
  if ("header" in source) return connect.headers[source.header.toLowerCase()]
  const cookies = Cookies.parseHeader(connect.headers["cookie"] ?? "")
  return Object.hasOwn(cookies, source.cookie) ? cookies[source.cookie] : undefined
}

/**
 * Lets clients connect by a credential.
 *
 * **Example** (A token, or a cookie)
 *
 * ```ts
 * import { Context, Effect, Redacted } from "effect"
 * import { ChannelHandler, ChannelServer } from "fairlead/channel"
 * import { authentication } from "fairlead/channel/handlers"
 *
 * class CurrentUser extends Context.Service<CurrentUser, { readonly id: number }>()("app/CurrentUser") {}
 *
 * const authenticate = authentication(CurrentUser, {
 *   from: ["token", { cookie: "session" }],
 *   verify: (credential) =>
 *     Redacted.value(credential) === "ann's"
 *       ? Effect.succeed({ id: 7 })
 *       : Effect.fail(new ChannelHandler.Reject({ reason: "unknown credential" })),
 *   id: (user) => `user:${user.id}`
 * })
 * const server = ChannelServer.make("realtime").use(authenticate)
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const authentication = <I, S, A>(
  service: Context.Key<I, S>,
  options: AuthenticationOptions<S, A>
): ChannelHandler.ChannelHandler<I, Exclude<Effect.Services<A>, Scope.Scope>> => {
  const { anonymous, from = "token", id, maxTokenChars = 4096, verify } = options
  const name = nameOr("authentication", options.name)
  checkOptions(name).integer("maxTokenChars", maxTokenChars)
  const sources: ReadonlyArray<CredentialSource> = typeof from === "object" && "length" in from ? from : [from]
  const unauthenticated = Effect.fail(new ChannelHandler.Reject({ reason: "unauthenticated", status: 401 }))
  const tooLong = Effect.fail(new ChannelHandler.Reject({ reason: "invalid credential", status: 401 }))
  const missing = anonymous === undefined ? unauthenticated : Effect.succeed(anonymous)
  const known = (connect: ConnectRequest): Effect.Effect<S, ChannelHandler.Reject> => {
    for (const source of sources) {
      const credential = read(connect, source)
      if (credential === undefined || credential === "") continue
      if (credential.length > maxTokenChars) return tooLong
      return verify(Redacted.make(credential), connect) as never
    }
    return missing
  }
  const connect = (connect: ConnectRequest) =>
    Effect.map(known(connect), (value) =>
      ChannelHandler.accept({ id: id?.(value), context: Context.make(service, value) })
    )
  return cast(ChannelHandler.make(name, { connect }))
}
