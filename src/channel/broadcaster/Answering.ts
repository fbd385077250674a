/**
 * The answer of one node to a question about the members of a topic. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import type { Subscriber } from "./Contract.ts"
import type { SurveyAnswer, SurveyQuestion, SurveyReply } from "./Survey.ts"

/** The answer of this node. */
export const answerOf = (subscribers: Iterable<Subscriber>, question: SurveyQuestion): Effect.Effect<SurveyAnswer> =>
  Effect.suspend(() => {
    const members = Array.from(subscribers).flatMap(({ member }) => member ?? [])
    const answer: SurveyAnswer = { count: members.length, members: [], kicked: false, replies: [] }
    switch (question._tag) {
      case "Count":
        return Effect.succeed(answer)
      case "Members":
        return Effect.succeed({
          ...answer,
          members: members.map(({ info: { id, joinedAt, socketId } }) => ({
            id,
            socketId: socketId ?? null,
            joinedAtMillis: DateTime.toEpochMillis(joinedAt)
          }))
        })
      case "Kick": {
        const found = members.find(({ info }) => info.id === question.id)
        found?.kick()
        return Effect.succeed({ ...answer, kicked: found !== undefined })
      }
      default: {
        const { event, payload, timeoutMillis } = question
        const replies = Effect.forEach(
          members,
          ({ info: { id }, request }) =>
            Effect.match(request(event, payload, Duration.millis(timeoutMillis)), {
              onSuccess: ({ response, status }): SurveyReply => ({ id, status, response, failure: null }),
              onFailure: ({ reason }): SurveyReply => ({
                id,
                status: "error",
                response: null,
                failure: reason === "timed out" ? reason : "channel ended"
              })
            }),
          { concurrency: "unbounded" }
        )
        return Effect.map(replies, (replies) => ({ ...answer, replies }))
      }
    }
  })
