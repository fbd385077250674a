/**
 * The end of a joined channel: its leave hooks, and its scope. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import type { Reason } from "../ApiTypes.ts"
import { within } from "./Hub.ts"
import type { Work } from "./Lane.ts"
import type { Member } from "./Member.ts"

/** Runs what belongs to the end of a channel: the channel's own hook, those of the handlers, the finalizers. None skips another. */
export const leave = (member: Member, reason: Reason): Work => {
  const { scope } = member
  const { connection, implementation, topic } = member.lane
  const { handlers } = implementation
  const { hub, socket } = connection
  if (handlers.leave === undefined && hub.leave.length === 0 && scope.state._tag === "Empty") return undefined

  // Where a join takes the channel's place, what is around is the new channel's.
  const guarded = (interceptor: string, hook: () => unknown, built: Context.Context<never>) =>
    Effect.suspend(() => {
      const out = hub.run(interceptor, "leave", hook)
      return isEffect(out) ? within(out, connection.contextOver(built, scope)) : Effect.void
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() => hub.logDefect(interceptor, `its leave of "${topic}", which had ${reason}`, cause))
      )
    )

  const effect = Effect.gen(function* () {
    const { built, compiled } = implementation
    const own = compiled.pattern.text
    if (handlers.leave !== undefined) yield* guarded(own, () => handlers.leave!(member, reason), built)
    for (const { built, value } of hub.leave) {
      yield* guarded(value.name, () => value.leave({ topic, reason }, socket), built)
    }
    yield* guarded(own, () => Scope.close(scope, Exit.void), built)
  })
  // A join or the end of the socket may interrupt what a lane is at, but never this.
  return { effect: Effect.uninterruptible(Effect.asVoid(effect)), scope }
}
