/**
 * Bodies of requests and responses: which can be sent again, and how an unread one is released. Internal to the client part, but for `replayable`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"

import type { Request, Response } from "./Decision.ts"

const declared = new WeakSet<object>()

/**
 * Declares that the stream body of a request can be read again from its beginning, so that it may be sent by a follow-up.
 *
 * @category combinators
 * @since 0.1.0
 */
export const replayable = (request: Request): Request => {
  declared.add(request.body)
  return request
}

const derivedFrom = new WeakMap<object, object>()

/** Declares that the body of a request reads from the body of another, so that it can be replayed if that one can. Internal to the client part. */
export const derivedBody = (request: Request, from: Request): Request => {
  derivedFrom.set(request.body, from.body)
  if (canReplay(from)) declared.add(request.body)
  return request
}

/** The body of a request and those that it reads from. Internal to the client part. */
export const bodiesOf = ({ body }: Request): ReadonlyArray<object> => {
  const source = derivedFrom.get(body)
  return source === undefined ? [body] : [body, source]
}

/**
 * Whether the request's body can be sent a second time. Bytes, text and forms can; a body read while it is sent only when it is declared replayable.
 *
 * @category guards
 * @since 0.1.0
 */
export const canReplay = ({ body }: Request): boolean =>
  body._tag === "Stream" ? declared.has(body) : body._tag !== "Raw" || !isReadOnce(body.body) || declared.has(body)

const whole = [ArrayBuffer, Blob, FormData, URLSearchParams]

const isReadOnce = (content: unknown): boolean =>
  typeof content === "object" &&
  content !== null &&
  !ArrayBuffer.isView(content) &&
  !whole.some((kind) => content instanceof kind)

/** Whether the request's body holds something open until it is sent or cancelled. A `Stream` opens nothing before it is run. */
export const isOpen = ({ body }: Request): boolean => body._tag === "Raw" && isReadOnce(body.body)

/** Cancels a request's body that will not be sent. */
export const cancel = ({ body }: Request): void => {
  if (body._tag !== "Raw") return
  const content: unknown = body.body
  if (content instanceof ReadableStream) {
    // A locked one belongs to its reader.
    if (!content.locked) content.cancel().catch(() => {})
  } else if (hasDestroy(content)) content.destroy()
}

/** A Node stream, known by its shape so that this runs on any runtime. */
const hasDestroy = (content: unknown): content is { readonly destroy: () => void } =>
  typeof content === "object" && content !== null && "destroy" in content && typeof content.destroy === "function"

/** Bytes of a response's body to read before its connection is closed. Internal to the client part. */
const drainAtMost = 64 * 1024

/** How long a response's body is read to keep its connection. Internal to the client part. */
const drainFor = "250 millis"

/** Releases a response: an undrained one would hold its connection. */
export const release = (response: Response): Effect.Effect<void> => {
  let drained = 0
  return response.stream.pipe(
    Stream.takeWhile((chunk) => (drained += chunk.length) <= drainAtMost),
    Stream.runDrain,
    Effect.exit,
    reading((fiber) => Effect.timeoutOption(Fiber.await(fiber), drainFor))
  )
}

/** The responses that the errors of a cause carry: they are of those who get the errors. */
export const carried = (cause: Cause.Cause<unknown>): ReadonlyArray<Response> =>
  cause.reasons.flatMap((reason) => {
    const response =
      Cause.isFailReason(reason) && HttpClientError.isHttpClientError(reason.error) && reason.error.response
    return response ? [response] : []
  })

/** Closes a response at once, for an exchange that was interrupted. */
export const close = (response: Response): Effect.Effect<void> =>
  response.stream.pipe(
    Stream.runDrain,
    Effect.exit,
    reading(() => Effect.void)
  )

// In a separate fiber, so that reading stops even where the caller cannot be interrupted.
const reading =
  (until: (fiber: Fiber.Fiber<unknown>) => Effect.Effect<unknown>) =>
  (drain: Effect.Effect<unknown>): Effect.Effect<void> =>
    Effect.flatMap(Effect.forkDetach(drain, { startImmediately: true }), (fiber) =>
      Effect.ensuring(Effect.asVoid(until(fiber)), Fiber.interrupt(fiber))
    )
