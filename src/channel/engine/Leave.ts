/**
 * The end of a joined channel: its leave hooks, and its scope. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import type { LeaveReason } from "../ApiTypes.ts"
import type { ImplementedChannel } from "../Definition.ts"
import { within } from "./HandlerHooks.ts"
import type { Owner } from "./HandlerHooks.ts"
import type { Member } from "./Member.ts"
import type { Peer } from "./Peer.ts"

/** Runs what belongs to the end of a channel: its own hook, those of the handlers, the finalizers. None skips another. Nothing where there is nothing to run. */
export const leave = (
  peer: Peer,
  implementation: ImplementedChannel,
  member: Member,
  reason: LeaveReason
): Effect.Effect<void> | undefined => {
  const { compiled, handlers } = implementation
  const { scope, topic } = member
  const { hooks, socket } = peer
  if (handlers.leave === undefined && hooks.leave.length === 0 && scope.state._tag === "Empty") return undefined
  const pattern = compiled.pattern.text

  // When a join takes the channel's place, the surrounding context is the new channel's.
  const guarded = (interceptor: string, hook: () => unknown, owner: Owner) =>
    Effect.suspend(() => {
      const out = peer.run(interceptor, "leave", hook)
      return isEffect(out) ? within(out, peer.context(owner, scope)) : Effect.void
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() => hooks.logDefect(interceptor, `its leave of "${topic}", which had ${reason}`, cause))
      )
    )

  const ending = Effect.gen(function* () {
    if (handlers.leave !== undefined) yield* guarded(pattern, () => handlers.leave!(reason, member), implementation)
    for (const handler of hooks.leave) {
      const { value } = handler
      yield* guarded(value.name, () => value.leave({ topic, pattern, reason }, socket), handler)
    }
    yield* guarded(pattern, () => Scope.close(scope, Exit.void), implementation)
  })
  // A join or the end of the socket may interrupt what a lane is at, but never this.
  return Effect.uninterruptible(ending)
}

/** Closes the scope of a join that did not enter. Nothing where it holds nothing. */
export const abandon = (scope: Scope.Closeable): Effect.Effect<void> | undefined =>
  scope.state._tag === "Empty" ? undefined : Effect.uninterruptible(Effect.ignoreCause(Scope.close(scope, Exit.void)))
