/**
 * The streamed body of a response, within limits of time. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"

import { within } from "../../core/TimeBound.ts"
import type { TimeLimit } from "../../core/TimeBound.ts"
import type { Request, Response } from "../HttpTypes.ts"
import { streamOf, withStream } from "../SentBody.ts"

/** The limits of one body, in milliseconds. */
export interface BodyLimits {
  /** Without progress. */
  readonly idle: number
  /** The last moment. */
  readonly end: number
  readonly onIdle: () => unknown
  readonly onEnd: () => unknown
}

/** The response with its stream within the limits; a response without a stream is unchanged. */
export const bodyWithin = (response: Response, request: Request, limits: BodyLimits): Response => {
  if (limits.idle === Infinity && limits.end === Infinity) return response
  if (HttpServerResponse.omitsBody(response, request.method === "HEAD")) return response
  const stream = response.body._tag === "Empty" ? undefined : streamOf(response.body)
  return stream === undefined ? response : withStream(response, bounded(stream, limits))
}

const bounded = (stream: Stream.Stream<Uint8Array, unknown>, { end, idle, onEnd, onIdle }: BodyLimits) =>
  Stream.transformPull(stream, (pull, scope) => {
    const progress = { at: 0, isPulling: true }
    const limitAt = (now: number): TimeLimit<unknown> =>
      end - now < idle ? { millis: end - now, onTimeout: onEnd } : { millis: idle, onTimeout: onIdle }
    const pulled = Effect.map(within(pull, limitAt), (parts) => {
      progress.isPulling = false
      return parts
    })
    // The reader is the fiber that pulls: a transport waits in it until the client has taken a piece.
    const noted = Effect.withFiber((reader) => {
      progress.at = reader.getRef(Clock.Clock).currentTimeMillisUnsafe()
      progress.isPulling = true
      return pulled
    })
    return Effect.withFiber((reader) =>
      Effect.as(Effect.forkIn(watch(reader, progress, { end, idle }), scope, { startImmediately: true }), noted)
    )
  })

interface Progress {
  /** When the last pull began. */
  at: number
  isPulling: boolean
}

/** Interrupts a reader that has not come back for the next piece in time. */
const watch = (
  reader: Fiber.Fiber<any, any>,
  progress: Progress,
  { end, idle }: Pick<BodyLimits, "end" | "idle">
): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const late = Math.min(end, progress.isPulling ? now + idle : progress.at + idle)
    if (now < late) return Effect.andThen(Effect.sleep(late - now), watch(reader, progress, { end, idle }))
    // A pull has its own limit.
    return progress.isPulling ? Effect.void : Effect.sync(() => reader.interruptUnsafe())
  })
