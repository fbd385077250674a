/**
 * A response with another body: the same status, cookies and request, while every way to read it goes through the new stream. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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

import { digits } from "../core/heads/FieldValues.ts"
import type { Request, Response } from "./Decision.ts"
import type { PieceSource, ReadingHooks } from "./PieceReading.ts"

type Failure = HttpClientError.HttpClientError

/** The new body of a response, and its new headers. */
export interface Replaced {
  readonly stream: Stream.Stream<Uint8Array, Failure>
  readonly headers?: Headers.Headers
}

/** The response with another body. The first response is released when the new stream releases its source. */
export const withBody = (response: Response, replaced: Replaced): Response => new BodyResponse(response, replaced)

/** The response with its body at hand, or with the failure of its reading. Each reader gets its own copy. */
export const withBytes = (response: Response, exit: Exit.Exit<ArrayBuffer, Failure>): Response =>
  new BytesResponse(response, exit)

/** A failure of a transport while it reads the body. */
export const bodyCause = (response: Response, cause: unknown): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request: response.request, response, cause })
  })

/** A failure while the body is read: the type of a response's stream is fixed, so what happened is its `cause`. */
export const bodyError = (response: Response, cause: { readonly message: string }): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request: response.request, response, cause, description: cause.message })
  })

const decoder = new TextDecoder()

/** A declared body of at most so many bytes counts as one piece. */
const onePieceBytes = 16 * 1024

/** Whether a body counts as one piece: its length is declared, it is not coded, and it is small. */
export const isOnePiece = (headers: Headers.Headers, maxBytes = onePieceBytes): boolean => {
  const length = headers["content-length"]
  if (length === undefined || headers["content-encoding"] !== undefined) return false
  return (digits(length) ?? Number.POSITIVE_INFINITY) <= Math.min(onePieceBytes, maxBytes)
}

// A leading "?" is form data: URLSearchParams would drop it.
const formOf = (text: string): URLSearchParams => new URLSearchParams(text.replace(/^\?/, "%3F"))

/** A response of which every way to read it goes through `stream` and `whole`. Internal to the client part. */
export abstract class ReadableResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  abstract readonly request: Request
  abstract readonly url: string
  abstract readonly status: number
  abstract readonly headers: Headers.Headers
  abstract readonly cookies: Response["cookies"]
  abstract readonly remoteAddress: Option.Option<string>
  abstract readonly upgrade: Effect.Effect<Socket.Socket, Failure>
  private bytes: Exit.Exit<ArrayBuffer, Failure> | undefined
  private reading: Deferred.Deferred<ArrayBuffer, Failure> | undefined

  abstract get stream(): Stream.Stream<Uint8Array, Failure>

  /** Reads the whole body. It is called once. */
  protected abstract whole(): Effect.Effect<ArrayBuffer, Failure>

  /** Has the coming read of the whole body watched. It is false where the body is being read, or where hooks are not known. */
  hook(hooks: () => ReadingHooks): boolean {
    if (this.bytes !== undefined || this.reading !== undefined) return false
    return this.watch?.(hooks) === true
  }

  /** Keeps hooks for `whole`; it is false where the body cannot be watched. */
  protected watch?(hooks: () => ReadingHooks): boolean

  /** Runs when the whole body was read, or when its reading failed or was interrupted. */
  protected wholeEnded?(exit: Exit.Exit<ArrayBuffer, Failure>): Effect.Effect<void>

  get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.suspend(() => this.bytes ?? this.readOnce())
  }
  get text(): Effect.Effect<string, Failure> {
    return Effect.map(this.arrayBuffer, (bytes) => decoder.decode(bytes))
  }
  get json(): Effect.Effect<Schema.Json, Failure> {
    return this.decode((text) => (text === "" ? null : (JSON.parse(text) as Schema.Json)))
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, Failure> {
    return this.decode((text) => UrlParams.fromInput(formOf(text)))
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

  // All readers of the body share one pass, and its end. It is noted and its end registered in one uninterruptible step: a reader interrupted between the two
  // would leave all others waiting for ever.
  private readOnce(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.bytes !== undefined) return this.bytes
      if (this.reading !== undefined) return restore(Deferred.await(this.reading))
      const reading = (this.reading = Deferred.makeUnsafe<ArrayBuffer, Failure>())
      return Effect.onExit(restore(this.whole()), (exit) => {
        this.bytes = exit
        Deferred.doneUnsafe(reading, exit)
        return this.wholeEnded?.(exit) ?? Effect.void
      })
    })
  }

  private decode<A>(decoding: (text: string) => A): Effect.Effect<A, Failure> {
    return Effect.flatMap(this.arrayBuffer, (bytes) => {
      try {
        return Exit.succeed(decoding(decoder.decode(bytes)))
      } catch (cause) {
        return Exit.fail(this.undecodable(cause))
      }
    })
  }
  private undecodable(cause: unknown): Failure {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause })
    })
  }
}

/** A response around another one. Internal to the client part. */
export abstract class ResponseAround extends ReadableResponse {
  readonly headers: Headers.Headers
  // Held for as long as this is: an abandoned response aborts its request when it is collected.
  readonly original: Response

  constructor(original: Response, headers: Headers.Headers) {
    super()
    this.original = original
    this.headers = headers
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
}

/** Reads a stream as one buffer. The stream of a web response without a body fails, where its text is empty. */
export const readWhole = (stream: Stream.Stream<Uint8Array, Failure>): Effect.Effect<ArrayBuffer, Failure> =>
  Effect.catchIf(Stream.mkArrayBuffer(stream), isEmptyBody, () => Effect.succeed(new ArrayBuffer(0)))

/** Whether a failure only says that there is no body. */
export const isEmptyBody = (error: Failure): boolean => error.reason._tag === "EmptyBodyError"

/** A response whose body is at hand. Internal to the client part. */
export class BytesResponse extends ResponseAround {
  private readonly exit: Exit.Exit<ArrayBuffer, Failure>

  constructor(original: Response, exit: Exit.Exit<ArrayBuffer, Failure>) {
    super(original, original.headers)
    this.exit = exit
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.flatMap(Stream.fromEffect(this.whole()), (bytes) =>
      bytes.byteLength === 0 ? Stream.empty : Stream.succeed(new Uint8Array(bytes))
    )
  }

  /** A copy of the body, in one piece; `undefined` where it could not be read. */
  source(): PieceSource | undefined {
    if (Exit.isFailure(this.exit)) return undefined
    let pieces = [new Uint8Array(this.exit.value.slice(0))].filter(({ length }) => length > 0)
    return {
      take: (onPieces, onEnd) => {
        const taken = pieces
        pieces = []
        if (taken.length === 0) onEnd(undefined)
        else onPieces(taken)
      },
      cancel: () => {}
    }
  }

  protected whole(): Effect.Effect<ArrayBuffer, Failure> {
    return Exit.map(this.exit, (bytes) => bytes.slice(0))
  }
}

class BodyResponse extends ResponseAround {
  readonly stream: Stream.Stream<Uint8Array, Failure>

  constructor(original: Response, { headers, stream }: Replaced) {
    super(original, headers ?? original.headers)
    this.stream = stream
  }

  protected whole(): Effect.Effect<ArrayBuffer, Failure> {
    return readWhole(this.stream)
  }
}
