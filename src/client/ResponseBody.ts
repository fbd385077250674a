/**
 * A response with another body: the same status, cookies and request, while every way to read it goes through the new stream. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import type * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"

import type { Request, Response } from "./Decision.ts"

type Failure = HttpClientError.HttpClientError

/** What of a response is replaced. */
export interface Replaced {
  readonly stream: Stream.Stream<Uint8Array, Failure>
  readonly headers?: Headers.Headers
}

/** The response with another body. What was held by the first response is let go when the new stream lets go of its source. */
export const withBody = (response: Response, replaced: Replaced): Response => new BodyResponse(response, replaced)

/** A failure while the body is read: the type of a response's stream is fixed, so what happened is its `cause`. */
export const bodyError = (response: Response, cause: { readonly message: string }): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request: response.request, response, cause, description: cause.message })
  })

// A leading "?" is form data: URLSearchParams would drop it.
const formOf = (text: string): URLSearchParams => new URLSearchParams(text.replace(/^\?/, "%3F"))

class BodyResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly headers: Headers.Headers
  readonly stream: Stream.Stream<Uint8Array, Failure>
  // Held for as long as this is: an abandoned response aborts its request when it is collected.
  private readonly original: Response
  private bytes: Effect.Effect<ArrayBuffer, Failure> | undefined

  constructor(original: Response, { headers, stream }: Replaced) {
    super()
    this.original = original
    this.headers = headers ?? original.headers
    this.stream = stream
  }

  get request(): Request {
    return this.original.request
  }
  get url(): string {
    return this.original.url
  }
  get status(): number {
    return this.original.status
  }
  get cookies(): Response["cookies"] {
    return this.original.cookies
  }
  get remoteAddress(): Option.Option<string> {
    return this.original.remoteAddress
  }
  get upgrade(): Effect.Effect<Socket.Socket, Failure> {
    return this.original.upgrade
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    const read = Stream.mkArrayBuffer(this.stream).pipe(
      Effect.catchIf(isEmptyBody, () => Effect.succeed(new ArrayBuffer(0)))
    )
    this.bytes ??= Effect.runSync(Effect.cached(read))
    return this.bytes
  }
  get text(): Effect.Effect<string, Failure> {
    return Effect.map(this.arrayBuffer, (bytes) => new TextDecoder().decode(bytes))
  }
  get json(): Effect.Effect<Schema.Json, Failure> {
    return Effect.flatMap(this.text, (text) =>
      this.decode(() => (text === "" ? null : (JSON.parse(text) as Schema.Json)))
    )
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, Failure> {
    return Effect.flatMap(this.text, (text) => this.decode(() => UrlParams.fromInput(formOf(text))))
  }
  get formData(): Effect.Effect<FormData, Failure> {
    return Effect.flatMap(this.arrayBuffer, (bytes) =>
      Effect.tryPromise({
        try: () => new globalThis.Response(bytes, { headers: this.headers }).formData(),
        catch: (cause) => this.undecodable(cause)
      })
    )
  }

  override toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }
  pipe() {
    return pipeArguments(this, arguments)
  }

  private decode<A>(evaluate: () => A): Effect.Effect<A, Failure> {
    return Effect.try({ try: evaluate, catch: (cause) => this.undecodable(cause) })
  }
  private undecodable(cause: unknown): Failure {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause })
    })
  }
}

// The stream of a web response without a body fails, where its text is empty.
const isEmptyBody = (error: Failure): boolean => error.reason._tag === "EmptyBodyError"
