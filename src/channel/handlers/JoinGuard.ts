/**
 * Decides who may join which topics, in one place before the channels.
 *
 * 1. Rules are asked by their pattern, written as those of channels: the first whose pattern matches the topic decides, by `true`, by `false`, or by the reason that it fails with.
 * 2. A topic that no rule matches is refused, unless `otherwise` is `allow`: a channel added later is closed until a rule opens it.
 * 3. A refused join gets `{"reason":"unauthorized"}`, or the rule's own reason. The join of a topic that the client has joined ends the old channel all the same.
 * 4. A rule may use services that handlers declared before have provided, such as the current user.
 *
 * Order: after `authentication`, before expensive handlers. How often a client may join is bounded by `joinRateLimit`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import { isEffect } from "../../core/Effects.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Declared, Is, Yields } from "../../core/Types.ts"
import * as ChannelHandler from "../ChannelHandler.ts"
import type { ChannelSocket } from "../ChannelSocket.ts"
import { parse } from "../Pattern.ts"
import type { ParamNames, Topic } from "../Pattern.ts"
import type { Payload } from "../Payload.ts"

/**
 * A join that a rule decides.
 *
 * @category models
 * @since 0.1.0
 */
export interface GuardedJoin<P extends string> {
  readonly topic: Topic<P>
  /** The parameters of the topic, as text. */
  readonly params: { readonly [K in ParamNames<P>]: string }
  readonly payload: Payload
  readonly socket: ChannelSocket["Service"]
}

/**
 * A rule about joins, which needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinRule<out R = never> {
  readonly pattern: string
  readonly "~fairlead/channel/JoinRule": Types.Covariant<R>
}

interface RuleValue {
  readonly pattern: string
  readonly decide: (join: GuardedJoin<string>) => unknown
}

/**
 * Makes a rule about the topics of a pattern.
 *
 * **Example** (Members of a room)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { joinRule } from "fairlead/channel/handlers"
 *
 * class CurrentUser extends Context.Service<CurrentUser, { readonly rooms: ReadonlyArray<string> }>()("app/CurrentUser") {}
 *
 * const rooms = joinRule("room:{id}", ({ params }) => Effect.map(CurrentUser, (user) => user.rooms.includes(params.id)))
 * const lobby = joinRule("lobby", () => true)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const joinRule = <const P extends string, A>(
  pattern: P,
  allow: (
    join: GuardedJoin<P>
  ) => A &
    Is<A, boolean | Yields<boolean>, "returns something else than true or false"> &
    Declared<A, ChannelHandler.Reject>
): JoinRule<Exclude<Effect.Services<A>, Scope.Scope | ChannelSocket>> => ({ pattern, decide: allow }) as never

/**
 * Options of `joinGuard`.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinGuardOptions<Rules extends ReadonlyArray<JoinRule<unknown>> = ReadonlyArray<JoinRule<unknown>>> {
  /** The rules. The first with a pattern that matches decides. */
  readonly rules: Rules
  /** What happens to the join of a topic that no rule matches. Default: `reject`. */
  readonly otherwise?: "reject" | "allow"
  /** Its name. Default: `joinGuard`. */
  readonly name?: string
}

type Needs<Rules> = Rules extends ReadonlyArray<infer X> ? (X extends JoinRule<infer R> ? R : never) : never

/**
 * Decides who may join which topics.
 *
 * **Example** (Everybody in the lobby, staff everywhere)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { joinGuard, joinRule } from "fairlead/channel/handlers"
 *
 * const guard = joinGuard({
 *   rules: [joinRule("lobby", () => true), joinRule("*", ({ socket }) => socket.id?.startsWith("staff:") === true)]
 * })
 * const server = ChannelServer.make("realtime").use(guard)
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const joinGuard = <const Rules extends ReadonlyArray<JoinRule<unknown>>>(
  options: JoinGuardOptions<Rules>
): ChannelHandler.ChannelHandler<never, Needs<Rules>> => {
  const { otherwise = "reject", rules } = options
  const name = nameOr("joinGuard", options.name)
  checkOptions(name).oneOf("otherwise", otherwise, ["reject", "allow"])
  const compiled = (rules as ReadonlyArray<unknown> as ReadonlyArray<RuleValue>).map(({ decide, pattern }) => ({
    decide,
    match: parse(pattern).match
  }))
  const refused = Effect.fail(new ChannelHandler.Reject({ reason: "unauthorized" }))
  const settle = (allowed: unknown) => (allowed === true ? Effect.void : refused)

  const join = ({ payload, topic }: ChannelHandler.JoinMessage, socket: ChannelSocket["Service"]) => {
    for (const { decide, match } of compiled) {
      const params = match(topic)
      if (params === undefined) continue
      const out = decide({ topic, payload, socket, params: Object.fromEntries(params) })
      return isEffect(out) ? Effect.flatMap(out as Effect.Effect<unknown, ChannelHandler.Reject>, settle) : settle(out)
    }
    return settle(otherwise === "allow")
  }
  return ChannelHandler.make(name, { join }) as ChannelHandler.ChannelHandler<never, Needs<Rules>>
}
