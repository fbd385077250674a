/**
 * The request that a view is: another method, URL, headers or addresses, over the body of the request that it was made from. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Multipart from "effect/http/Multipart"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import type { Request } from "./HttpTypes.ts"

/**
 * The changes of a view; omitted members stay unchanged.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModifyOptions {
  /** The method, in upper case. */
  readonly method?: string
  /** The path with its query, such as `/rooms?limit=3`. */
  readonly url?: string
  /** All headers, in place of the present ones. */
  readonly headers?: Headers.Input
  readonly remoteAddress?: Option.Option<string>
  readonly peerAddress?: Option.Option<string>
  readonly protocol?: "http" | "https"
}

/** The body of a view that does not read it as the request below does. */
export interface ViewedBody {
  readonly stream: Stream.Stream<Uint8Array, HttpServerError.HttpServerError>
  readonly arrayBuffer: (request: Request) => Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError>
}

/** The parts as one. */
const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

type BodyPull = Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, HttpServerError.HttpServerError>

/** A body whose beginning was read: the bytes so far, and the rest. */
export class PeekedBody implements ViewedBody {
  private readonly pull: BodyPull
  private readonly parts: Array<Uint8Array> = []
  private length = 0
  private ended = false
  private whole: Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> | undefined

  constructor(pull: BodyPull) {
    this.pull = pull
  }

  private get more(): Effect.Effect<void, HttpServerError.HttpServerError> {
    return Effect.map(
      Effect.catchIf(this.pull, Cause.isDone, () => Effect.succeed(undefined)),
      (chunk) => {
        if (chunk === undefined) this.ended = true
        for (const part of chunk ?? []) {
          this.parts.push(part)
          this.length += part.length
        }
      }
    )
  }

  head(bytes: number): Effect.Effect<Uint8Array, HttpServerError.HttpServerError> {
    return Effect.suspend(() =>
      this.length < bytes && !this.ended
        ? Effect.flatMap(this.more, () => this.head(bytes))
        : Effect.succeed(joined(this.parts).subarray(0, bytes))
    )
  }

  get stream(): Stream.Stream<Uint8Array, HttpServerError.HttpServerError> {
    return Stream.suspend(() => {
      const first = Stream.fromIterable(this.parts.slice())
      return this.ended ? first : Stream.concat(first, Stream.fromPull(Effect.succeed(this.pull)))
    })
  }

  arrayBuffer(request: Request): Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> {
    return (this.whole ??= Effect.runSync(Effect.cached(this.collect(request))))
  }

  private collect(request: Request): Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> {
    return Effect.flatMap(HttpIncomingMessage.MaxBodySize, (limit) => {
      if (limit !== undefined && this.length > Number(limit)) {
        return Effect.fail(parseError(request, undefined, "BodyTooLarge"))
      }
      return this.ended
        ? Effect.succeed(joined(this.parts).buffer)
        : Effect.flatMap(this.more, () => this.collect(request))
    })
  }
}

const parseError = (
  request: Request,
  cause: unknown,
  reason: "Parse" | "BodyTooLarge" = "Parse"
): HttpServerError.HttpServerError =>
  new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request, reason, cause }) })

/** The error of a too large body; it responds with 413. */
export const bodyTooLarge = (request: Request, description: string): HttpServerError.HttpServerError =>
  new HttpServerError.HttpServerError({
    reason: new HttpServerError.RequestParseError({ request, reason: "BodyTooLarge", description })
  })

const isTooLarge = ({ reason }: HttpServerError.HttpServerError): boolean =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"

/** A body that fails once it has more than `maxBytes`. Every reader counts, and no reader gets a byte beyond the limit. */
export class LimitedBody implements ViewedBody {
  private readonly base: Request
  private readonly maxBytes: number

  constructor(base: Request, maxBytes: number) {
    this.base = base
    this.maxBytes = maxBytes
  }

  get stream(): Stream.Stream<Uint8Array, HttpServerError.HttpServerError> {
    return Stream.suspend(() => {
      let read = 0
      const count = (parts: NonEmptyReadonlyArray<Uint8Array>) => {
        for (const part of parts) read += part.length
        return read > this.maxBytes
          ? Effect.fail(bodyTooLarge(this.base, `The body has more than ${this.maxBytes} bytes`))
          : Effect.succeed(parts)
      }
      return Stream.mapArrayEffect(this.base.stream, count)
    })
  }

  arrayBuffer(): Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> {
    return Effect.flatMap(HttpIncomingMessage.MaxBodySize, (outer) =>
      outer !== undefined && Number(outer) <= this.maxBytes
        ? this.base.arrayBuffer
        : Effect.provideService(this.base.arrayBuffer, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(this.maxBytes))
    )
  }
}

const decode = (bytes: ArrayBuffer): string => new TextDecoder().decode(bytes)

/** A request with changes, over another request. */
export class View extends Inspectable.Class implements HttpServerRequest.HttpServerRequest {
  readonly [HttpServerRequest.TypeId]: typeof HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly method: string
  readonly url: string
  readonly headers: Headers.Headers
  private readonly base: Request
  private readonly body: ViewedBody | undefined
  private readonly changes: ModifyOptions

  constructor(base: Request, body: ViewedBody | undefined, changes: ModifyOptions) {
    super()
    this.base = base
    this.body = body
    this.changes = changes
    this.method = changes.method ?? base.method
    this.url = changes.url ?? base.url
    this.headers = changes.headers === undefined ? base.headers : Headers.fromInput(changes.headers)
  }

  with(changes: ModifyOptions, body: ViewedBody | undefined): View {
    return new View(this.base, body ?? this.body, { ...this.changes, ...changes })
  }

  get peeked(): PeekedBody | undefined {
    return this.body instanceof PeekedBody ? this.body : undefined
  }

  get source(): object {
    return this.base.source
  }
  // `NodeHttpServerRequest.toServerResponse` reads it here.
  get response(): unknown {
    return (this.base as { readonly response?: unknown }).response
  }
  /** The response of the platform, once the request has become a socket. */
  get upgradedResponse(): unknown {
    return (this.base as { readonly upgradedResponse?: unknown }).upgradedResponse
  }
  // Channels note there that they upgraded the connection of a Node request.
  get upgradeState(): unknown {
    return (this.base as { readonly upgradeState?: unknown }).upgradeState
  }
  get originalUrl(): string {
    return this.base.originalUrl
  }
  get remoteAddress(): Option.Option<string> {
    return this.changes.remoteAddress ?? this.base.remoteAddress
  }
  get peerAddress(): Option.Option<string> {
    return this.changes.peerAddress ?? this.base.peerAddress
  }
  get protocol(): "http" | "https" | undefined {
    return this.changes.protocol ?? this.base.protocol
  }
  get cookies() {
    return this.changes.headers === undefined ? this.base.cookies : this.base.modify({ headers: this.headers }).cookies
  }

  modify(changes: Parameters<Request["modify"]>[0]): Request {
    return this.with(changes, undefined)
  }

  get stream(): Stream.Stream<Uint8Array, HttpServerError.HttpServerError> {
    return this.body?.stream ?? this.base.stream
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> {
    return this.body?.arrayBuffer(this) ?? this.base.arrayBuffer
  }
  get text(): Effect.Effect<string, HttpServerError.HttpServerError> {
    return this.body === undefined ? this.base.text : Effect.map(this.arrayBuffer, decode)
  }
  get json(): Effect.Effect<Schema.Json, HttpServerError.HttpServerError> {
    if (this.body === undefined) return this.base.json
    return Effect.flatMap(this.text, (text) =>
      Effect.try({ try: () => JSON.parse(text) as Schema.Json, catch: (cause) => parseError(this, cause) })
    )
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpServerError.HttpServerError> {
    if (this.body === undefined) return this.base.urlParamsBody
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text.replace(/^\?/, "%3F"))))
  }
  get multipart(): Request["multipart"] {
    return this.body === undefined ? this.base.multipart : Multipart.toPersisted(this.multipartStream)
  }
  get multipartStream(): Request["multipartStream"] {
    if (this.body === undefined) return this.base.multipartStream
    return Stream.pipeThroughChannel(
      Stream.mapError(this.stream, (cause) =>
        Multipart.MultipartError.fromReason(isTooLarge(cause) ? "BodyTooLarge" : "InternalError", cause)
      ),
      Multipart.makeChannel(this.headers)
    )
  }

  get upgrade(): Request["upgrade"] {
    return this.base.upgrade
  }
  upgradeWith(options: Parameters<Request["upgradeWith"]>[0]): Request["upgrade"] {
    return this.base.upgradeWith(options)
  }

  override toString(): string {
    return `RequestView(${this.method} ${UrlParams.redactUrl(this.url)})`
  }
  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "RequestView",
      method: this.method,
      url: UrlParams.redactUrl(this.url)
    })
  }
}

/** A view of `request` with another body. */
export const viewOf = (request: Request, body: ViewedBody): Request =>
  request instanceof View ? request.with({}, body) : new View(request, body, {})
