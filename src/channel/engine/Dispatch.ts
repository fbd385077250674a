/**
 * An event of a joined channel: the handlers' hooks, the channel's own handler, and its answer. Internal to the channel part.
 *
 * Whatever answers at once is handled at once: only what suspends costs a fiber.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import { isEffect, isExit } from "../../core/Effects.ts"
import { isLater, isNoReply, isStop } from "../Answers.ts"
import type { Message } from "../Broadcaster.ts"
import type { Change, Drop, Refused, Reply } from "../ChannelHandler.ts"
import type { CompiledMessage } from "../Definition.ts"
import { sameId } from "../Recovery.ts"
import type { Incoming, Payload } from "../wire/Message.ts"
import { within } from "./Hub.ts"
import type { Work } from "./Lane.ts"
import type { Member } from "./Member.ts"
import { invalid, Refusal, refusalOf } from "./Refusal.ts"

type Run = Effect.Effect<void, never, any> | undefined

/** Goes on with how an Effect ended: at once if it has. */
const settle = <A>(effect: Effect.Effect<A, unknown, any>, use: (exit: Exit.Exit<A, unknown>) => Run): Run =>
  isExit(effect)
    ? use(effect as Exit.Exit<A, unknown>)
    : Effect.flatMap(Effect.exit(effect), (exit) => use(exit) ?? Effect.void)

const failureOf = (cause: Cause.Cause<unknown>): Cause.Fail<unknown> | undefined =>
  Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)

/** Handles an event, through the handlers. */
export const dispatch = (member: Member, message: Incoming): Work => work(member, admit(member, message, 0))

/** Lets a member's channel change a broadcast before the member gets it. */
export const intercept = (member: Member, { event, payload }: Message): Work => {
  const { connection, implementation } = member.lane
  const codec = implementation.compiled.outgoing.get(event)!
  const run = implementation.handlers.intercept![event]!
  const effect = Effect.flatMap(codec.decode(payload), (value) => run(value, member))
  const intercepted = Effect.flatMap(effect, (value: unknown) =>
    value === undefined
      ? Effect.void
      : Effect.map(codec.encode(value), (encoded) =>
          connection.push(member.joinRef, member.topic, event, sameId(payload, encoded))
        )
  )
  return work(
    member,
    settle(intercepted, (exit) => (Exit.isSuccess(exit) ? undefined : crash(member, exit.cause)))
  )
}

const work = (member: Member, effect: Run): Work => (effect === undefined ? undefined : { effect, scope: member.scope })

const crash = (member: Member, cause: Cause.Cause<unknown>, interceptor?: string): Run =>
  member.lane.crashed(member, cause, interceptor)?.effect

// What is refused is told where the client can tell it from other answers.
const refuse = (member: Member, { ref, topic }: Incoming, { payload }: Refusal): undefined => {
  if (ref !== null) member.lane.connection.reply(member.joinRef, ref, topic, "error", payload)
}

const admit = (member: Member, message: Incoming, from: number): Run => {
  const { connection } = member.lane
  const { hub, socket } = connection
  for (let index = from; index < hub.incoming.length; index++) {
    const { built, value } = hub.incoming[index]!
    const { event, payload, ref, topic } = message
    let out: unknown
    try {
      out = hub.run(value.name, "incoming", () =>
        value.incoming({ topic, event, payload, answerable: ref !== null }, socket)
      )
    } catch (defect) {
      return crash(member, Cause.die(defect), value.name)
    }
    if (isEffect(out)) {
      const decided = isExit(out) ? out : within(out, connection.contextOver(built, member.scope))
      return settle(decided as Effect.Effect<Decision, Refused>, (exit) => {
        if (Exit.isSuccess(exit)) {
          const next = decide(member, message, exit.value)
          return next === undefined ? undefined : admit(member, next, index + 1)
        }
        const failure = failureOf(exit.cause)
        return failure === undefined
          ? crash(member, exit.cause, value.name)
          : refuse(member, message, refusalOf(failure.error as Refused))
      })
    }
    const next = decide(member, message, out as Decision)
    if (next === undefined) return undefined
    message = next
  }
  return decode(member, message)
}

type Decision = void | Reply | Change | Drop

/** The message that goes on, or nothing when a handler has seen to it. */
const decide = (member: Member, message: Incoming, decision: Decision): Incoming | undefined => {
  if (decision === undefined) return message
  switch (decision._tag) {
    case "Drop":
      return undefined
    case "Reply":
      member.lane.connection.reply(member.joinRef, message.ref, message.topic, decision.status, decision.payload)
      return undefined
    default:
      return { ...message, event: decision.event ?? message.event, payload: decision.payload ?? message.payload }
  }
}

const decode = (member: Member, message: Incoming): Run => {
  const { connection, implementation } = member.lane
  const definition = implementation.compiled.incoming.get(message.event)
  if (definition === undefined) {
    return connection.hub.settings.unknownEvent === "crash"
      ? crash(member, Cause.die(new Error(`No handler of "${implementation.compiled.pattern.text}" for the event`)))
      : refuse(member, message, new Refusal({ reason: "unknown event" }))
  }
  return settle(definition.payload.decode(message.payload), (exit) => {
    if (Exit.isSuccess(exit)) return handle(member, message, definition, exit.value)
    const failure = failureOf(exit.cause)
    return failure === undefined
      ? crash(member, exit.cause)
      : refuse(member, message, invalid(failure.error as Parameters<typeof invalid>[0]))
  })
}

const handle = (member: Member, message: Incoming, definition: CompiledMessage, payload: unknown): Run => {
  const { connection, implementation } = member.lane
  let out: Effect.Effect<unknown, unknown, any>
  try {
    out = connection.hub.run(implementation.compiled.pattern.text, message.event, () =>
      implementation.handlers.on[message.event]!(payload, member)
    ) as Effect.Effect<unknown, unknown, any>
  } catch (defect) {
    return crash(member, Cause.die(defect))
  }
  return settle(out, (exit) => answer(member, message, definition, exit))
}

const answer = (
  member: Member,
  message: Incoming,
  definition: CompiledMessage,
  exit: Exit.Exit<unknown, unknown>
): Run => {
  if (Exit.isFailure(exit)) {
    const failure = failureOf(exit.cause)
    return failure === undefined
      ? crash(member, exit.cause)
      : reply(member, message, "error", definition.error.encode(failure.error))
  }
  const { value } = exit
  if (isLater(value)) return later(member, message, definition, value.effect)
  if (isStop(value)) {
    const stop = (): Run => member.lane.close(member, "stopped")?.effect
    return value.replies ? reply(member, message, "ok", definition.reply.encode(value.reply), stop) : stop()
  }
  return definition.replies && !isNoReply(value)
    ? reply(member, message, "ok", definition.reply.encode(value))
    : undefined
}

const reply = (
  member: Member,
  { ref, topic }: Incoming,
  status: string,
  encoded: Effect.Effect<Payload, unknown, any>,
  then?: () => Run
): Run =>
  settle(encoded, (exit) => {
    if (Exit.isFailure(exit)) return crash(member, exit.cause)
    member.lane.connection.reply(member.joinRef, ref, topic, status, exit.value)
    return then?.()
  })

/** Leaves a reply running in the channel's scope. It is not in the lane: a crash is handed to it. */
const later = (
  member: Member,
  { ref, topic }: Incoming,
  { error, reply }: CompiledMessage,
  effect: Effect.Effect<unknown, unknown, any>
): undefined => {
  const { lane } = member
  const context = lane.connection.contextOver(lane.implementation.built, member.scope)
  const told = Effect.matchCauseEffect(effect, {
    onSuccess: (value) => Effect.map(reply.encode(value), (encoded) => ({ status: "ok", encoded })),
    onFailure(cause) {
      const failure = failureOf(cause)
      return failure === undefined
        ? Effect.failCause(cause)
        : Effect.map(error.encode(failure.error), (encoded) => ({ status: "error", encoded }))
    }
  })
  const replied = Effect.map(Effect.exit(told), (exit) => {
    if (lane.member !== member) return
    if (Exit.isFailure(exit)) lane.crash(member, exit.cause)
    else lane.connection.reply(member.joinRef, ref, topic, exit.value.status, exit.value.encoded)
  })
  Fiber.runIn(Effect.runForkWith(context)(replied), member.scope)
}
