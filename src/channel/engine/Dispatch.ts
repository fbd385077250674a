/**
 * An event of a joined channel: the handlers' hooks, the channel's own handler, and how it comes out. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { isEffect, isExit } from "../../core/Effects.ts"
import type { Reject } from "../../core/Reject.ts"
import { isLater, isNoReply, isReplyAs, isStop } from "../Answers.ts"
import type { Delivery } from "../broadcaster/Contract.ts"
import type { CompiledMessage, ImplementedChannel } from "../Definition.ts"
import type { Change, Drop, Reply } from "../HandlerMessages.ts"
import type { Incoming, Payload } from "../wire/Message.ts"
import { within } from "./HandlerHooks.ts"
import type { Member } from "./Member.ts"
import { asEffect, Crashed, failureOf, goesOn, Later, Replied, settle, Stopped } from "./Outcome.ts"
import type { Outcome, Step } from "./Outcome.ts"
import type { Peer } from "./Peer.ts"
import { invalid, rejection } from "./Refusal.ts"

/** One event on its way to its handler. */
interface Flow {
  readonly peer: Peer
  readonly implementation: ImplementedChannel
  readonly member: Member
}

/** Handles an event, through the handlers. */
export const dispatch = (peer: Peer, implementation: ImplementedChannel, member: Member, message: Incoming): Step =>
  admit({ peer, implementation, member }, message, 0)

/** Lets a member's channel change a broadcast before the client gets it. */
export const intercept = (implementation: ImplementedChannel, member: Member, delivery: Delivery): Step => {
  const { event, payload, position } = delivery
  if (!Object.hasOwn(implementation.handlers.intercept!, event)) {
    member.forward(delivery)
    return goesOn
  }
  const codec = implementation.compiled.outgoing.get(event)!
  const run = implementation.handlers.intercept![event]!
  const intercepted = Effect.flatMap(
    Effect.flatMap(codec.decode(payload), (value) => run(value, member)),
    (value: unknown): Effect.Effect<Payload | undefined, unknown, any> =>
      value === undefined ? Effect.succeed(undefined) : codec.encode(value)
  )
  return settle(intercepted, (exit) => {
    if (Exit.isFailure(exit)) return new Crashed(exit.cause)
    if (exit.value !== undefined) member.pushIntercepted(event, exit.value, position)
    else if (position !== undefined) member.tellPosition(position)
    return goesOn
  })
}

type Decision = void | Reply | Change | Drop

// Without a ref, a client could not assign the refusal.
const refuse = ({ ref }: Incoming, payload: Payload): Outcome => (ref === null ? goesOn : new Replied("error", payload))

const admit = (flow: Flow, message: Incoming, from: number): Step => {
  const { member, peer } = flow
  const { hooks, socket } = peer
  const pattern = flow.implementation.compiled.pattern.text
  for (let index = from; index < hooks.incoming.length; index++) {
    const handler = hooks.incoming[index]!
    const { value } = handler
    const { event, payload, ref, topic } = message
    let out: unknown
    try {
      out = peer.run(value.name, "incoming", () =>
        value.incoming({ topic, pattern, event, payload, expectsReply: ref !== null }, socket)
      )
    } catch (defect) {
      return new Crashed(Cause.die(defect), value.name)
    }
    if (isEffect(out)) {
      const decided = isExit(out) ? out : within(out, peer.context(handler, member.scope))
      return settle(decided as Effect.Effect<Decision, Reject>, (exit) => {
        if (Exit.isSuccess(exit)) return decide(flow, message, exit.value, index)
        const failure = failureOf(exit.cause)
        return failure === undefined
          ? new Crashed(exit.cause, value.name)
          : refuse(message, rejection(failure.error as Reject).payload)
      })
    }
    if (out !== undefined) return decide(flow, message, out as Decision, index)
  }
  return decode(flow, message)
}

/** Continues after a handler with its message, or ends with its decision. */
const decide = (flow: Flow, message: Incoming, decision: Decision, index: number): Step => {
  if (decision === undefined) return admit(flow, message, index + 1)
  switch (decision._tag) {
    case "Drop":
      return goesOn
    case "Reply":
      return new Replied(decision.status, decision.payload)
    default: {
      const { event = message.event, payload = message.payload } = decision
      return admit(flow, { ...message, event, payload }, index + 1)
    }
  }
}

const decode = (flow: Flow, message: Incoming): Step => {
  const { compiled } = flow.implementation
  const definition = compiled.incoming.get(message.event)
  if (definition === undefined) {
    return flow.peer.settings.onUnknownEvent === "crash"
      ? new Crashed(Cause.die(new Error(`No handler of "${compiled.pattern.text}" for the event`)))
      : refuse(message, { reason: "unknown event" })
  }
  return settle(definition.payload.decode(message.payload), (exit) => {
    if (Exit.isSuccess(exit)) return handle(flow, message, definition, exit.value)
    const failure = failureOf(exit.cause)
    return failure === undefined
      ? new Crashed(exit.cause)
      : refuse(message, invalid(failure.error as Parameters<typeof invalid>[0]).payload)
  })
}

const handle = (flow: Flow, message: Incoming, definition: CompiledMessage, payload: unknown): Step => {
  const { implementation, member, peer } = flow
  let out: Effect.Effect<unknown, unknown, any>
  try {
    out = peer.run(implementation.compiled.pattern.text, message.event, () =>
      implementation.handlers.on[message.event]!(payload, member)
    ) as Effect.Effect<unknown, unknown, any>
  } catch (defect) {
    return new Crashed(Cause.die(defect))
  }
  return settle(out, (exit) => answer(definition, exit))
}

const answer = (definition: CompiledMessage, exit: Exit.Exit<unknown, unknown>): Step => {
  if (Exit.isFailure(exit)) {
    const failure = failureOf(exit.cause)
    return failure === undefined ? new Crashed(exit.cause) : replied("error", definition.error.encode(failure.error))
  }
  const { value } = exit
  if (isLater(value)) return new Later(answerLater(definition, value.effect))
  if (isReplyAs(value)) return replied(value.status, definition.reply.encode(value.reply))
  if (isStop(value)) {
    if (!value.replies) return new Stopped(undefined)
    return settle(definition.reply.encode(value.reply), (encoded) =>
      Exit.isFailure(encoded) ? new Crashed(encoded.cause) : new Stopped(new Replied("ok", encoded.value))
    )
  }
  return definition.replies && !isNoReply(value) ? replied("ok", definition.reply.encode(value)) : goesOn
}

const replied = (status: string, encoded: Effect.Effect<Payload, unknown, any>): Step<Replied | Crashed> =>
  settle(encoded, (exit) => (Exit.isFailure(exit) ? new Crashed(exit.cause) : new Replied(status, exit.value)))

const answerLater = (
  { error, reply }: CompiledMessage,
  effect: Effect.Effect<unknown, unknown, any>
): Effect.Effect<Replied | Crashed, never, any> =>
  Effect.flatMap(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) {
      const { value } = exit
      return asEffect(
        isReplyAs(value) ? replied(value.status, reply.encode(value.reply)) : replied("ok", reply.encode(value))
      )
    }
    const failure = failureOf(exit.cause)
    return failure === undefined
      ? Effect.succeed(new Crashed(exit.cause))
      : asEffect(replied("error", error.encode(failure.error)))
  })
