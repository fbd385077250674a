/**
 * The members of a topic on all nodes: listed, counted, kicked and asked. Internal to the channel part; public through `ChannelApi`.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"

import { checkOptions } from "../core/Options.ts"
import type { RequestOptions } from "./ApiTypes.ts"
import { Broadcaster, BroadcasterUnavailable } from "./broadcaster/Contract.ts"
import type { MemberInfo } from "./broadcaster/Contract.ts"
import type { Survey, SurveyQuestion, SurveyReply } from "./broadcaster/Survey.ts"
import { ClientRequestError } from "./ClientRequestError.ts"
import type { Compiled, CompiledMessage } from "./Definition.ts"
import { decodeAnswer, encodeRequest } from "./engine/ClientRequests.ts"

/** How long the other nodes may take to answer. */
const nodeTimeoutMillis = 5000

const asked = (
  topic: string,
  question: SurveyQuestion,
  timeoutMillis: number
): Effect.Effect<Survey, BroadcasterUnavailable, Broadcaster> =>
  Effect.flatMap(Broadcaster, ({ survey }) => survey(topic, question, timeoutMillis))

const incomplete = (topic: string, missing: number): BroadcasterUnavailable =>
  new BroadcasterUnavailable({
    topic,
    operation: "survey",
    cause: new Error(`${missing} nodes did not answer in time`)
  })

/** The answers of all nodes; a part of them is a failure. */
const whole = (topic: string, question: SurveyQuestion) =>
  Effect.flatMap(asked(topic, question, nodeTimeoutMillis), ({ answers, missing }) =>
    missing === 0 ? Effect.succeed(answers) : Effect.fail(incomplete(topic, missing))
  )

/** The members of a topic, in the order in which they joined. */
export const membersOf = (
  topic: string
): Effect.Effect<ReadonlyArray<MemberInfo>, BroadcasterUnavailable, Broadcaster> =>
  Effect.map(whole(topic, { _tag: "Members" }), (answers) =>
    answers
      .flatMap(({ members }) => members)
      .toSorted((a, b) => a.joinedAtMillis - b.joinedAtMillis)
      .map(({ id, joinedAtMillis, socketId }) => ({
        id,
        topic,
        socketId: socketId ?? undefined,
        joinedAt: DateTime.makeUnsafe(joinedAtMillis)
      }))
  )

/** How many members a topic has. */
export const countOf = (topic: string): Effect.Effect<number, BroadcasterUnavailable, Broadcaster> =>
  Effect.map(whole(topic, { _tag: "Count" }), (answers) => answers.reduce((sum, { count }) => sum + count, 0))

/** Kicks a member; whether there was such a member. */
export const kick = (topic: string, id: string): Effect.Effect<boolean, BroadcasterUnavailable, Broadcaster> =>
  Effect.flatMap(asked(topic, { _tag: "Kick", id }, nodeTimeoutMillis), ({ answers, missing }) => {
    const isKicked = answers.some(({ kicked }) => kicked)
    return isKicked || missing === 0 ? Effect.succeed(isKicked) : Effect.fail(incomplete(topic, missing))
  })

const resultOf = (topic: string, event: string, message: CompiledMessage, reply: SurveyReply) => {
  const failed = (reason: ClientRequestError["reason"]) => new ClientRequestError({ topic, event, reason })
  const { failure, id } = reply
  const read =
    failure === null ? decodeAnswer(message, reply, () => failed("invalid answer")) : Effect.fail(failed(failure))
  return Effect.map(Effect.result(read), (result: Result.Result<unknown, unknown>) => ({ member: id, result }))
}

/** Asks the clients of all members. */
export const requestAll = (
  { requests }: Compiled,
  topic: string,
  event: string,
  payload: unknown,
  options: RequestOptions = {}
): Effect.Effect<unknown, BroadcasterUnavailable, any> =>
  Effect.gen(function* () {
    const message = requests.get(event)!
    const timeout = checkOptions("ChannelApi.request").duration("timeout", options.timeout ?? "10 seconds")
    const timeoutMillis = Duration.toMillis(timeout)
    const question: SurveyQuestion = {
      _tag: "Request",
      event,
      payload: yield* encodeRequest(message, payload),
      timeoutMillis
    }
    const { answers, missing } = yield* asked(topic, question, timeoutMillis + nodeTimeoutMillis)
    const replies = answers.flatMap(({ replies }) => replies)
    return {
      answers: yield* Effect.forEach(replies, (reply) => resultOf(topic, event, message, reply)),
      missingNodes: missing
    }
  })
