/**
 * Responses that a cache makes: with their own header lines over a stored body, a body under way, or the body of another response. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"

import { close } from "../../Body.ts"
import type { Request, Response } from "../../Decision.ts"
import { fieldLines, pairsOfResponse, rememberPairs } from "../../HeaderLines.ts"
import type { Pair } from "../../HeaderLines.ts"
import * as RawHeaders from "../../RawHeaders.ts"
import { bodyError, readWhole, ReadableResponse } from "../../ResponseBody.ts"
import type { Fill } from "./Fill.ts"
import type { HeaderFields } from "./HeaderFields.ts"
import type { CacheStoreError } from "./StoreError.ts"

type Failure = HttpClientError.HttpClientError

/** Where a body comes from. */
export type Body =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Stored"; readonly stream: Stream.Stream<Uint8Array, CacheStoreError> }
  | { readonly _tag: "Fill"; readonly fill: Fill }
  | { readonly _tag: "Failed"; readonly exit: Exit.Exit<never, Failure> }
  | { readonly _tag: "Other"; readonly response: Response; readonly scope: Scope.Closeable | undefined }

const abandoned = new FinalizationRegistry<() => void>((leave) => leave())

/** A response with these fields, whose `values` become its own, and this body. */
export class CachedResponse extends ReadableResponse {
  readonly request: Request
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  /** Where the raw lines are found. */
  readonly source: { readonly headers: Headers.Headers }
  private readonly body: Body
  private cursor: ReturnType<Fill["join"]> | undefined
  private copy: Exit.Exit<ArrayBuffer> | undefined
  private parsedCookies: Cookies.Cookies | undefined

  constructor(request: Request, url: string, status: number, fields: HeaderFields, body: Body) {
    super()
    this.request = request
    this.url = url
    this.status = status
    this.headers = Headers.fromRecordUnsafe(fields.values)
    this.source = { headers: this.headers }
    rememberPairs(this.headers, fields.lines)
    this.body = body
    if (body._tag === "Fill") {
      const { fill } = body
      const cursor = (this.cursor = fill.join())
      // A caller who looks at the head alone never reads, and never says so.
      abandoned.register(this, () => fill.leave(cursor), this)
    }
  }

  get cookies(): Cookies.Cookies {
    // `RawHeaders.setCookies` would ask for these.
    return (this.parsedCookies ??= Cookies.fromSetCookie([...fieldLines(this, "set-cookie")]))
  }
  get remoteAddress(): Option.Option<string> {
    return this.body._tag === "Other" ? this.body.response.remoteAddress : Option.none()
  }
  get upgrade(): Effect.Effect<Socket.Socket, Failure> {
    if (this.body._tag === "Other") return this.body.response.upgrade
    const description = "expected 101 Switching Protocols"
    const reason = new HttpClientError.StatusCodeError({ request: this.request, response: this, description })
    return Effect.fail(new HttpClientError.HttpClientError({ reason }))
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    const { body } = this
    switch (body._tag) {
      case "Bytes":
        return body.bytes.length === 0 ? Stream.empty : Stream.sync(() => new Uint8Array(body.bytes))
      case "Stored":
        return Stream.mapError(body.stream, (cause) => bodyError(this, cause))
      case "Fill":
        return body.fill.stream(
          () => this.takeCursor(body.fill),
          () => bodyError(this, new Error("the body was read before, and is no longer held"))
        )
      case "Failed":
        return Stream.fromEffect(body.exit)
      default:
        return body.response.stream
    }
  }

  /** The scope of the request, when the response is of one caller alone. */
  get scope(): Scope.Closeable | undefined {
    return this.body._tag === "Other" ? this.body.scope : undefined
  }

  /** Leaves a body under way. */
  abandon(): Effect.Effect<void> {
    const { body } = this
    if (body._tag === "Other") {
      const { response, scope } = body
      return scope === undefined ? close(response) : Effect.andThen(close(response), Scope.close(scope, Exit.void))
    }
    return Effect.sync(() => {
      const cursor = this.takeCursor(undefined)
      if (cursor !== undefined && this.body._tag === "Fill") this.body.fill.leave(cursor)
    })
  }

  // Bytes at hand need no pass that readers share.
  override get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    const { body } = this
    if (body._tag !== "Bytes") return super.arrayBuffer
    // Each response has its own copy: its reader may write into it.
    return Effect.suspend(() => (this.copy ??= Exit.succeed(new Uint8Array(body.bytes).buffer)))
  }

  protected whole(): Effect.Effect<ArrayBuffer, Failure> {
    const { body } = this
    return body._tag === "Other" ? body.response.arrayBuffer : readWhole(this.stream)
  }

  private takeCursor(fill: Fill | undefined): ReturnType<Fill["join"]> | undefined {
    const { cursor } = this
    this.cursor = undefined
    if (cursor === undefined) return fill?.isJoinable === true ? fill.join() : undefined
    abandoned.unregister(this)
    return cursor
  }
}

/** The lines of a response with lower-case names. */
export const linesOf = (response: Response): ReadonlyArray<Pair> => {
  const pairs = pairsOfResponse(response)
  if (pairs !== undefined) return pairs.map(([name, value]): Pair => [name.toLowerCase(), value])
  const lines = Object.entries(response.headers).filter(([name]) => name !== "set-cookie")
  return [...lines, ...RawHeaders.setCookies(response).map((value): Pair => ["set-cookie", value])]
}

/** The bytes from `first` to `last` of a stream. */
export const sliceStream = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  first: number,
  last: number
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let offset = 0
    return stream.pipe(
      Stream.map((piece) => {
        const start = Math.min(piece.length, Math.max(0, first - offset))
        const end = Math.max(start, Math.min(piece.length, last + 1 - offset))
        offset += piece.length
        return { part: piece.subarray(start, end), isLast: offset > last }
      }),
      Stream.takeUntil(({ isLast }) => isLast),
      Stream.map(({ part }) => part),
      Stream.filter((part) => part.length > 0)
    )
  })
