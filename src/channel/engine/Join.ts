/**
 * A join: the handlers' hooks, the channel's own decision, the subscription, and the missed messages. Internal to the channel part.
 *
 * The lane owns the scope and the member of an attempt before anything runs, and ends both when the attempt does not enter.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import type * as Scope from "effect/Scope"

import { isEffect, isExit } from "../../core/Effects.ts"
import type { Reject } from "../../core/Reject.ts"
import { isJoined } from "../Answers.ts"
import { parsePosition } from "../broadcaster/Position.ts"
import { fetchOf } from "../presence/Fetching.ts"
import type { Incoming, Payload } from "../wire/Message.ts"
import { within } from "./HandlerHooks.ts"
import { Member } from "./Member.ts"
import type { Home, Recovered } from "./Member.ts"
import { failureOf, settle } from "./Outcome.ts"
import type { Step } from "./Outcome.ts"
import { invalid, Refusal, rejection } from "./Refusal.ts"

/** A join before its decision. */
export interface Attempt {
  readonly home: Home
  readonly message: Incoming
  readonly scope: Scope.Closeable
  /** Set before it subscribes. */
  member: Member | undefined
}

/** The join succeeded. */
export class Entered {
  readonly member: Member
  readonly reply: Payload
  readonly recovered: Recovered | undefined
  constructor(member: Member, reply: Payload, recovered: Recovered | undefined) {
    this.member = member
    this.reply = reply
    this.recovered = recovered
  }
}

type Decision = Entered | Refusal

/** The refusal of a join that took too long. */
export const timedOut = new Refusal({ reason: "join timed out" })

/** Decides a join. */
export const decide = (attempt: Attempt): Step<Decision> => admit(attempt, 0)

// A defect is logged with the name of the handler or channel that it came from.
const refuse = ({ home, message }: Attempt, cause: Cause.Cause<unknown>, interceptor: string): Refusal => {
  const refusal = failureOf(cause)?.error
  if (refusal instanceof Refusal) return refusal
  home.peer.hooks.logDefect(interceptor, `a join of "${message.topic}" is refused`, cause)
  return new Refusal({ reason: "join crashed" })
}

const admit = (attempt: Attempt, from: number): Step<Decision> => {
  const { home, message, scope } = attempt
  const { peer } = home
  const { payload, topic } = message
  const pattern = home.implementation.compiled.pattern.text
  for (let index = from; index < peer.hooks.join.length; index++) {
    const handler = peer.hooks.join[index]!
    const { value } = handler
    let out: unknown
    try {
      out = peer.run(value.name, "join", () => value.join({ topic, pattern, payload }, peer.socket))
    } catch (defect) {
      return refuse(attempt, Cause.die(defect), value.name)
    }
    if (!isEffect(out)) continue
    const decided = isExit(out) ? out : within(out, peer.context(handler, scope))
    return settle(decided as Effect.Effect<unknown, Reject>, (exit) => {
      if (Exit.isSuccess(exit)) return admit(attempt, index + 1)
      const failure = failureOf(exit.cause)
      return failure === undefined ? refuse(attempt, exit.cause, value.name) : rejection(failure.error as Reject)
    })
  }
  return decode(attempt)
}

const decode = (attempt: Attempt): Step<Decision> => {
  const { home, message } = attempt
  const { compiled } = home.implementation
  const pattern = compiled.pattern.text
  return settle(compiled.params(message.topic)!, (params) => {
    if (Exit.isFailure(params)) {
      return failureOf(params.cause) === undefined
        ? refuse(attempt, params.cause, pattern)
        : new Refusal({ reason: "unmatched topic" })
    }
    return settle(compiled.join.payload.decode(message.payload), (payload) => {
      if (Exit.isSuccess(payload)) return ask(attempt, params.value, payload.value)
      const failure = failureOf(payload.cause)
      return failure === undefined
        ? refuse(attempt, payload.cause, pattern)
        : invalid(failure.error as SchemaIssue.Issue)
    })
  })
}

const ask = (attempt: Attempt, params: Readonly<Record<string, unknown>>, payload: unknown): Step<Decision> => {
  const { home, message } = attempt
  const { compiled, handlers } = home.implementation
  const pattern = compiled.pattern.text
  let answer: Effect.Effect<unknown, unknown>
  try {
    answer = home.peer.run(pattern, "join", () =>
      handlers.join({ topic: message.topic, params, payload })
    ) as Effect.Effect<unknown, unknown>
  } catch (defect) {
    return refuse(attempt, Cause.die(defect), pattern)
  }
  return settle(answer, (exit) => {
    if (Exit.isSuccess(exit)) {
      const [value, state] = isJoined(exit.value) ? [exit.value.reply, exit.value.state] : [exit.value, undefined]
      return settle(compiled.join.reply.encode(value), (reply) =>
        Exit.isSuccess(reply)
          ? subscribe(attempt, new Member(home, message.joinRef, params, state, attempt.scope), reply.value)
          : refuse(attempt, died(reply.cause), pattern)
      )
    }
    const failure = failureOf(exit.cause)
    if (failure === undefined) return refuse(attempt, exit.cause, pattern)
    return settle(compiled.join.error.encode(failure.error), (error) =>
      Exit.isSuccess(error) ? new Refusal(error.value) : refuse(attempt, died(error.cause), pattern)
    )
  })
}

// The program's answer cannot be encoded: its type was right, its value is not.
const died = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const failure = failureOf(cause)
  return failure === undefined ? cause : Cause.die(failure.error)
}

const unavailable = new Refusal({ reason: "unavailable" })

const subscribe = (attempt: Attempt, member: Member, reply: Payload): Step<Decision> => {
  const { home, message } = attempt
  const { peer, topic } = home
  const { retention } = home.implementation.compiled
  attempt.member = member
  const subscribing = peer.broadcaster.subscribe(topic, member, retention)
  // Taken and registered in one step: an interruption comes before both or after both.
  const subscribed = isExit(subscribing)
    ? subscribing
    : Effect.uninterruptible(
        Effect.tap(subscribing, (unsubscribe) => Effect.sync(() => member.subscribed(unsubscribe)))
      )
  return settle(subscribed, (exit) => {
    if (Exit.isFailure(exit)) return refuseUnavailable(attempt, exit.cause)
    member.subscribed(exit.value)
    if (retention === undefined || !asksForRecovery(message.payload)) return present(attempt, member, reply, undefined)
    const { recover_from: asked } = message.payload
    const from = typeof asked === "string" ? parsePosition(asked) : undefined
    // A text without the shape of a position is like one of another epoch: not complete.
    const position = typeof asked === "string" ? (from ?? { epoch: "", offset: 0 }) : undefined
    return settle(peer.broadcaster.since(topic, position, retention.maxMessages), (found) => {
      if (Exit.isFailure(found)) return refuseUnavailable(attempt, found.cause)
      const since = found.value
      // A client without positions may have seen these messages.
      const unknown =
        !peer.carriesPositions && !retention.recoveryId && from !== undefined && since.deliveries.length > 0
      return present(attempt, member, reply, {
        from,
        since: unknown ? { ...since, complete: false, deliveries: [] } : since
      })
    })
  })
}

/** Adds the member to the receivers of presence. */
const present = (
  attempt: Attempt,
  member: Member,
  reply: Payload,
  recovered: Recovered | undefined
): Step<Decision> => {
  const { implementation, peer, topic } = attempt.home
  if (implementation.presence === undefined || peer.presence === undefined) return new Entered(member, reply, recovered)
  const { built, compiled } = implementation
  const { intervalMillis } = implementation.presence
  const pattern = compiled.pattern.text
  const logDefect = (topic: string, cause: Cause.Cause<unknown>) =>
    peer.hooks.logDefect(pattern, `the presence of "${topic}" goes on`, cause)
  const entering = peer.presence.enter(topic, member, {
    intervalMillis,
    fetch: fetchOf({ built, params: compiled.params }, implementation.presence, logDefect),
    clock: peer.presence.clock,
    reportDefect: (topic, defect) => logDefect(topic, Cause.die(defect))
  })
  const entered = isExit(entering)
    ? entering
    : Effect.uninterruptible(Effect.tap(entering, (entered) => Effect.sync(() => member.entered(entered))))
  return settle(entered, (exit) => {
    if (Exit.isFailure(exit)) return refuseUnavailable(attempt, exit.cause)
    member.entered(exit.value)
    return new Entered(member, reply, recovered)
  })
}

const refuseUnavailable = (attempt: Attempt, cause: Cause.Cause<unknown>): Refusal => {
  const { hooks } = attempt.home.peer
  if (failureOf(cause) === undefined) return refuse(attempt, cause, attempt.home.implementation.compiled.pattern.text)
  hooks.fork(Effect.logWarning(`A join of "${attempt.message.topic}" failed: the broadcaster is unavailable`, cause))
  return unavailable
}

const asksForRecovery = (payload: Payload): payload is { readonly recover_from: Schema.Json } =>
  typeof payload === "object" && payload !== null && Object.hasOwn(payload, "recover_from")
