/**
 * Endpoint hooks: who decides which connections there are, before and after the handshake.
 *
 * 1. `beforeConnect` runs ahead of a dial: a rejection means that no packet leaves. It does not run for connections that are accepted.
 * 2. `beforeAccept` runs when somebody knocks, ahead of the handshake: all it can know is the address.
 * 3. `afterHandshake` runs once on each side, when the peer's id is proven and before the application has the connection. A rejection closes it; the peer,
 *    whose own connect may have succeeded, is told the code and the reason.
 * 4. `onStreamOpen` runs for each stream, whoever opens it; a rejection ends the stream, not the connection.
 * 5. `onClose` runs when a connection whose handshake was done has ended, with its final numbers, whether the hooks had let it in or not.
 * 6. A hook may need a `Scope`: in `beforeConnect` and `beforeAccept` it is that of the attempt, and ends in how the attempt ends; in `afterHandshake` that of
 *    the connection; in `onStreamOpen` that of the stream. It may dial, with `Dial`; it never needs `Endpoint`, which is made with its hooks.
 *
 * Hooks run in declared order; the first rejection is the last hook that runs. Each has a time-out, 10 seconds by default, that rejects. A hook that dies rejects
 * its own connection, and is logged. The model is iroh's `EndpointHooks`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import type { Declared, Is, Yields } from "../core/Types.ts"
import type { Connection, Info, Stats } from "./Connection.ts"
import type { CloseReason, ConnectError, Reject } from "./Errors.ts"
import type { Alpn, EndpointAddr } from "./Identity.ts"

export { Reject } from "./Errors.ts"
export { Service } from "./HooksService.ts"
export type { ServiceClass } from "./HooksService.ts"

const TypeId = "~fairlead/endpoint/EndpointHooks"

/**
 * Hooks that need `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface EndpointHooks<out R = never> {
  readonly [TypeId]: { readonly _R: Types.Covariant<R> }
}

/**
 * A peer that wants in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Remote {
  /** Where it says it is, in the transport's words. */
  readonly address: string
  /** Whether it has proven that it is there. */
  readonly validated: boolean
}

/**
 * A stream that is being opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opening {
  readonly kind: "bi" | "uni"
  /** Whether this side opens it. */
  readonly local: boolean
}

/**
 * What becomes of a peer that wants in.
 *
 * @category decisions
 * @since 0.1.0
 */
export type Admission = "accept" | "refuse" | "ignore" | "retry"

/**
 * Dials from within a hook: `connect` of the endpoint that the hook decides for, which runs the hooks for that connection too. A hook that dials lets its own
 * protocol pass, or it waits for itself until its time-out.
 *
 * @category services
 * @since 0.1.0
 */
export class Dial extends Context.Service<
  Dial,
  (addr: EndpointAddr, alpn: Alpn) => Effect.Effect<Connection, ConnectError, Scope.Scope>
>()("fairlead/endpoint/EndpointHooks/Dial") {}

type Or<A> = A | Yields<A>

/**
 * The hooks. Each may give a plain value, or an Effect that may fail with `Reject`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<A, B, C, S, D> {
  /** How long each of the hooks may take before it rejects. Default: 10 seconds. */
  readonly timeout?: Duration.Input
  readonly beforeConnect?: (
    addr: EndpointAddr,
    alpn: Alpn
  ) => A & Is<A, Or<void>, "gives something else than nothing"> & Declared<A, Reject>
  /** Gives what becomes of the peer: nothing stands for `accept`. A failure refuses it. */
  readonly beforeAccept?: (
    remote: Remote
  ) => B & Is<B, Or<void | Admission>, "gives neither nothing nor an admission"> & Declared<B, Reject>
  readonly afterHandshake?: (
    connection: Info
  ) => C & Is<C, Or<void>, "gives something else than nothing"> & Declared<C, Reject>
  readonly onStreamOpen?: (
    connection: Info,
    stream: Opening
  ) => S & Is<S, Or<void>, "gives something else than nothing"> & Declared<S, Reject>
  readonly onClose?: (
    connection: Info,
    reason: CloseReason,
    stats: Stats
  ) => D & Is<D, Or<void>, "gives something else than nothing"> & Declared<D, never>
}

/**
 * Makes hooks.
 *
 * **Example** (An allow list)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EndpointHooks } from "fairlead/endpoint"
 *
 * const friends = new Set(["aa".repeat(32)])
 *
 * const onlyFriends = EndpointHooks.make("only-friends", {
 *   afterHandshake: ({ remoteId }) =>
 *     friends.has(remoteId) ? Effect.void : Effect.fail(new EndpointHooks.Reject({ reason: "I do not know you" }))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A = void, const B = void, C = void, S = void, D = void>(
  name: string,
  hooks: Hooks<A, B, C, S, D>
): EndpointHooks<Exclude<Effect.Services<A | B | C | S | D>, Scope.Scope | Dial>> => {
  const value: HooksValue = { name, ...hooks }
  return value as never
}

/** Hooks with their types erased. Internal to the endpoint part. */
export interface HooksValue {
  readonly name: string
  readonly timeout?: Duration.Input
  readonly beforeConnect?: (addr: EndpointAddr, alpn: Alpn) => unknown
  readonly beforeAccept?: (remote: Remote) => unknown
  readonly afterHandshake?: (connection: Info) => unknown
  readonly onStreamOpen?: (connection: Info, stream: Opening) => unknown
  readonly onClose?: (connection: Info, reason: CloseReason, stats: Stats) => unknown
}
