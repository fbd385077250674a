/**
 * The body of a response while it is sent: counts its bytes, and sees how it ends. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"

import type { Request, Response } from "./HttpTypes.ts"

/** Observes the body of one response. */
export class SentBody {
  /** The response to send, with the observed body. */
  readonly response: Response
  /** How a streamed body ended; `undefined` for another, or before its end. */
  exit: Exit.Exit<void, unknown> | undefined = undefined
  private counted = 0
  private readonly omitted: boolean

  constructor(request: Request, response: Response) {
    this.omitted = HttpServerResponse.omitsBody(response, request.method === "HEAD")
    this.response = this.omitted ? response : this.observing(response)
  }

  /** How many bytes were sent, as far as they can be known. */
  bytes(complete: boolean): number | undefined {
    const { body } = this.response
    if (this.omitted || body._tag === "Empty") return 0
    if (body._tag === "Stream") return this.counted
    if (body._tag === "Raw") {
      const { bytesRead } = (body.body ?? {}) as { readonly bytesRead?: unknown }
      if (typeof bytesRead === "number") return bytesRead
    }
    if (!complete) return undefined
    const length = body.contentLength ?? Number(this.response.headers["content-length"])
    return Number.isNaN(length) ? undefined : length
  }

  private observing(response: Response): Response {
    const { body } = response
    const stream = streamOf(body)
    if (stream === undefined || body._tag === "Empty") return response
    const counted = Stream.onExit(
      Stream.mapArray(stream, (parts) => {
        for (const part of parts) this.counted += part.length
        return parts
      }),
      (exit) => Effect.sync(() => void (this.exit = Exit.asVoid(exit)))
    )
    return withStream(response, counted)
  }
}

/** The response with a stream for its body, and the same headers: `setBody` would set those of the content again, which a stage may have removed. */
export const withStream = (response: Response, stream: Stream.Stream<Uint8Array, unknown>): Response => {
  const { contentLength, contentType } = response.body as Partial<HttpBody.Stream>
  const copy: Response = Object.assign(Object.create(Object.getPrototypeOf(response) as object), response)
  return Object.assign(copy, { body: HttpBody.stream(stream, contentType, contentLength) })
}

/** The body as a stream, where it is one. A stream of the web is read as one of Effect's, so that the request's scope ends when it does. */
export const streamOf = (body: HttpBody.HttpBody): Stream.Stream<Uint8Array, unknown> | undefined => {
  if (body._tag === "Stream") return body.stream
  if (body._tag !== "Raw" || !(body.body instanceof globalThis.ReadableStream)) return undefined
  const readable: ReadableStream<Uint8Array> = body.body
  return Stream.fromReadableStream({ evaluate: () => readable, onError: (cause) => cause })
}
