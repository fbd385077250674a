/**
 * A join: the handlers' hooks, the channel's own decision, and what the client is told. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import { isJoined } from "../Answers.ts"
import type { Refused } from "../ChannelHandler.ts"
import type { Incoming, Payload } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import { within } from "./Hub.ts"
import type { Lane, Work } from "./Lane.ts"
import { Member } from "./Member.ts"
import { invalid, Refusal, refusalOf } from "./Refusal.ts"

interface Entered {
  readonly member: Member
  readonly reply: Payload
}

/** Decides a join in a scope of its own, which stays open while the channel is joined. Tells who is asked, for the report of a defect. */
const decide = (
  lane: Lane,
  { joinRef, payload, topic }: Incoming,
  scope: Scope.Closeable,
  asks: (interceptor: string) => void
) =>
  Effect.gen(function* () {
    const { connection, implementation } = lane
    const { compiled, handlers } = implementation
    const { hub, socket } = connection
    for (const { built, value } of hub.join) {
      asks(value.name)
      const out = hub.run(value.name, "join", () => value.join({ topic, payload }, socket))
      if (isEffect(out)) {
        const provided = within(out, connection.contextOver(built, scope))
        yield* Effect.mapError(provided as Effect.Effect<unknown, Refused>, refusalOf)
      }
    }
    asks(compiled.pattern.text)
    const params = yield* Effect.mapError(compiled.params(topic)!, () => new Refusal({ reason: "unmatched topic" }))
    const decoded = yield* Effect.mapError(compiled.join.payload.decode(payload), (issue) => invalid(issue))
    const answer: unknown = yield* Effect.suspend(
      () =>
        hub.run(compiled.pattern.text, "join", () =>
          handlers.join({ topic, params, payload: decoded })
        ) as Effect.Effect<unknown, unknown>
    ).pipe(
      Effect.catch((error) =>
        Effect.flatMap(Effect.orDie(compiled.join.error.encode(error)), (encoded) => Effect.fail(new Refusal(encoded)))
      )
    )
    const [value, state] = isJoined(answer) ? [answer.reply, answer.state] : [answer, undefined]
    const reply = yield* Effect.orDie(compiled.join.reply.encode(value))
    return { member: new Member(lane, joinRef, params, state, scope), reply } satisfies Entered
  })

/** Gives a client that asks for it what it missed. The member is attached by now, and all of this is synchronous: nothing is lost or doubled. */
const recover = (member: Member, payload: Payload): void => {
  const { connection } = member.lane
  const { broadcaster } = connection.hub
  if (broadcaster.missed === undefined || !wantsRecovery(payload)) return
  const { recover_from: from } = payload
  const { complete, id, messages } = broadcaster.missed(member.topic, typeof from === "string" ? from : null)
  connection.push(member.joinRef, member.topic, "recovery", { complete, id })
  for (const message of messages) member.deliver(message)
}

const wantsRecovery = (payload: Payload): payload is { readonly recover_from: Schema.Json } =>
  typeof payload === "object" && payload !== null && Object.hasOwn(payload, "recover_from")

/** Enters a channel; one that is joined already ends first, whatever becomes of the join. */
export const enter = (lane: Lane, message: Incoming): Work => {
  const { connection, implementation, topic } = lane
  const { joinRef, ref } = message
  const scope = Scope.makeUnsafe()
  const old = lane.member
  let asked = implementation.compiled.pattern.text

  const entered = ({ member, reply }: Entered): Effect.Effect<void, never, any> => {
    lane.entered(member)
    connection.reply(joinRef, ref, topic, "ok", reply)
    closeOld()
    recover(member, message.payload)
    const { afterJoin } = implementation.handlers
    if (afterJoin === undefined) return Effect.void
    return Effect.suspend(() => afterJoin(member)).pipe(
      Effect.asVoid,
      Effect.catchCause((cause) => lane.crashed(member, cause)?.effect ?? Effect.void)
    )
  }

  const refused = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
    const refusal = Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)?.error
    if (!(refusal instanceof Refusal)) {
      connection.hub.logDefect(asked, `a join of "${topic}" is refused`, cause)
    }
    const payload = refusal instanceof Refusal ? refusal.payload : { reason: "join crashed" }
    return Effect.map(Effect.exit(Scope.close(scope, Exit.failCause(cause))), () => {
      connection.reply(joinRef, ref, topic, "error", payload)
      closeOld()
    })
  }

  const closeOld = (): void => {
    if (old !== undefined) connection.channelEnded(old.joinRef, topic, Reserved.close)
  }

  const ending = old === undefined ? undefined : lane.replace(old)
  const joining = decide(lane, message, scope, (interceptor) => void (asked = interceptor)).pipe(
    Effect.timeoutOrElse({
      duration: connection.hub.settings.joinTimeout,
      orElse: () => Effect.fail(new Refusal({ reason: "join timed out" }))
    }),
    Effect.onInterrupt(() => Scope.close(scope, Exit.void)),
    Effect.matchCauseEffect({ onSuccess: entered, onFailure: refused })
  )
  return { effect: ending === undefined ? joining : Effect.andThen(ending.effect, joining), scope }
}
