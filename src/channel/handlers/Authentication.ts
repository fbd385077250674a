/**
 * Lets clients connect by a credential, and tells everything behind it who they are.
 *
 * 1. The credential is looked for where `from` says, in that order: the token beside the parameters, a parameter, a cookie, or a header. The first that is there, and not empty,
 *    counts; a wrong one is not made good by another.
 * 2. `verify` makes the service of it: the current user. What it fails with is the answer: `Refused`, 403 unless it says otherwise, or what the error responds.
 * 3. Without a credential the connect is refused as `unauthenticated`, or goes on as `anonymous` where that is given.
 * 4. `id` gives the socket its id, by which `ChannelServer.disconnect` closes all sockets of a user, at a logout or a ban.
 * 5. The credential is `Redacted`. A parameter stands in the URL, which proxies and servers write to their logs: prefer the token. A cookie is sent by a browser
 *    whatever page opens the socket: the origin check of the mount is what keeps other pages out.
 *
 * Order: first behind `log` and `metrics`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

import type { Declared, Is, Yields } from "../../core/Types.ts"
import * as ChannelHandler from "../ChannelHandler.ts"
import type { Connect } from "../ChannelSocket.ts"

/**
 * Where a credential is: the token that the client sent beside its parameters, where the mount accepts one (`authToken`); or a parameter, a cookie or a header of that name.
 *
 * @category models
 * @since 0.1.0
 */
export type Source = "token" | { readonly param: string } | { readonly cookie: string } | { readonly header: string }

/**
 * Options of `authentication`; `S` is what is known of a client.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<S, A> {
  /** Where the credential is. Default: `token`. */
  readonly from?: Source | ReadonlyArray<Source>
  /** Makes of a credential what is known of the client. */
  readonly verify: (
    credential: Redacted.Redacted,
    connect: Connect
  ) => A &
    Is<A, Yields<S>, "does not give what the service is"> &
    Declared<A, ChannelHandler.Refused | HttpServerRespondable.Respondable>
  /** The socket's id. Default: none. */
  readonly id?: (known: NoInfer<S>) => string | undefined
  /** Who a client without a credential is. Default: nobody, it is refused. */
  readonly anonymous?: NoInfer<S>
}

const read = (connect: Connect, source: Source): string | undefined => {
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
 *       : Effect.fail(new ChannelHandler.Refused({ reason: "unknown credential" })),
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
  options: Options<S, A>
): ChannelHandler.ChannelHandler<I, Exclude<Effect.Services<A>, Scope.Scope>> => {
  const { from = "token", id, verify } = options
  const sources: ReadonlyArray<Source> = typeof from === "object" && "length" in from ? from : [from]
  const unauthenticated = Effect.fail(new ChannelHandler.Refused({ reason: "unauthenticated" }))
  const missing = "anonymous" in options ? Effect.succeed(options.anonymous) : unauthenticated
  const known = (connect: Connect): Effect.Effect<S, ChannelHandler.Refused> => {
    for (const source of sources) {
      const credential = read(connect, source)
      if (credential !== undefined && credential !== "") return verify(Redacted.make(credential), connect) as never
    }
    return missing
  }
  const connect = (connect: Connect) =>
    Effect.map(known(connect), (value) =>
      ChannelHandler.accept({ id: id?.(value), context: Context.make(service, value) })
    )
  return ChannelHandler.make("authentication", { connect }) as never
}
