/**
 * A request with another method, URL or headers, and a body that can be looked at before the handler reads it.
 *
 * Effect's `request.modify` cannot change the method, and on Node a body that was read before `modify` is silently empty afterwards. A view
 * shares the body of the request it was made from: whoever reads it first, all see the same bytes.
 *
 * **Gotchas**
 *
 * Make views with this module's `modify`; calling `request.modify` of a request that is not a view has Effect's behaviour. A body that was
 * read as a `stream` is used up, as ever.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
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
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import type { Request } from "./Model.ts"

/**
 * What a view changes; what is left out stays as it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Changes {
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

/**
 * A view of `request` with these changes, sharing its body.
 *
 * **Example** (Overriding the method)
 *
 * ```ts
 * import { Middleware, RequestView } from "fairlead/server"
 *
 * const methodOverride = Middleware.mapRequest("method-override", (request) =>
 *   request.method === "POST" && request.headers["x-http-method-override"] === "DELETE"
 *     ? RequestView.modify(request, { method: "DELETE" })
 *     : request)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const modify = (request: Request, changes: Changes): Request =>
  request instanceof View ? request.with(changes, undefined) : new View(request, undefined, changes)

/**
 * The first `bytes` of the body, or all of it when it is shorter, and a request whose readers still get the whole body. Bytes behind the
 * peeked ones are left in the connection until somebody reads them.
 *
 * **Gotchas**
 *
 * Go on with the request that it gives: the peeked bytes are missing in the one it was made from.
 *
 * @category combinators
 * @since 0.1.0
 */
export const peek = (
  request: Request,
  bytes: number
): Effect.Effect<readonly [Uint8Array, Request], HttpServerError.HttpServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const peeked = request instanceof View ? request.peeked : undefined
    const body = peeked ?? new PeekedBody(yield* Stream.toPull(bodyOf(request)))
    const head = yield* body.head(bytes)
    if (peeked !== undefined) return [head, request] as const
    return [head, request instanceof View ? request.with({}, body) : new View(request, body, {})] as const
  })

// A web request without a body has no stream to read. A body that was read before is kept by the request, but its stream is empty on Node and
// cannot be opened again on the web.
const bodyOf = (request: Request): Stream.Stream<Uint8Array, HttpServerError.HttpServerError> => {
  const { source } = request
  if ("body" in source && source.body === null) return Stream.empty
  const wasRead =
    ("bodyUsed" in source && source.bodyUsed === true) ||
    ("readableDidRead" in source && source.readableDidRead === true)
  return wasRead
    ? Stream.fromEffect(Effect.map(request.arrayBuffer, (buffer) => new Uint8Array(buffer)))
    : request.stream
}

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

/** A body whose beginning was read: what was read so far, and the rest. */
class PeekedBody {
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

const decode = (bytes: ArrayBuffer): string => new TextDecoder().decode(bytes)

class View extends Inspectable.Class implements HttpServerRequest.HttpServerRequest {
  readonly [HttpServerRequest.TypeId]: typeof HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly method: string
  readonly url: string
  readonly headers: Headers.Headers
  private readonly base: Request
  private readonly body: PeekedBody | undefined
  private readonly changes: Changes

  constructor(base: Request, body: PeekedBody | undefined, changes: Changes) {
    super()
    this.base = base
    this.body = body
    this.changes = changes
    this.method = changes.method ?? base.method
    this.url = changes.url ?? base.url
    this.headers = changes.headers === undefined ? base.headers : Headers.fromInput(changes.headers)
  }

  with(changes: Changes, body: PeekedBody | undefined): View {
    return new View(this.base, body ?? this.body, { ...this.changes, ...changes })
  }

  get peeked(): PeekedBody | undefined {
    return this.body
  }

  get source(): object {
    return this.base.source
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
      Stream.mapError(this.stream, (cause) => Multipart.MultipartError.fromReason("InternalError", cause)),
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
