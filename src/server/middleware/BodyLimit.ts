/**
 * Limits how large the body of a request may be, so that a client cannot fill the memory of the server.
 *
 * **Example** (At most 64 KiB)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerRequest, HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { bodyLimit } from "fairlead/server/middleware"
 *
 * const echo = Effect.map(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text), HttpServerResponse.text)
 *
 * const app = Pipeline.make("echo").before(bodyLimit({ maxBytes: "64 KiB" })).handle(echo).respond()
 * ```
 *
 * **Rules**
 *
 * 1. A `Content-Length` beyond the limit fails at once, before the body is read (RFC 9110 §15.5.14). A client that waits for `100 Continue` sends no byte.
 * 2. Every body is counted while it is read, whatever its `Content-Length` says: chunked bodies, streams and multipart forms too. No reader gets a byte beyond
 *    the limit, and the connection below is not read further.
 * 3. Both fail with `HttpServerError`, whose reason is `RequestParseError` with `BodyTooLarge`. It responds with 413.
 * 4. Of two limits in one request the smaller one holds.
 *
 * **Order**
 *
 * A before, before everything that reads the body. With `HttpMiddleware.decompression` as an outer, the decompressed bytes are counted. With decompression inside, both the
 * compressed and the decompressed bytes are counted.
 *
 * **Gotchas**
 *
 * On a web runtime `HttpServerRequest.toWeb` returns the original `Request`, whose body is not limited.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"

import { digits } from "../../core/heads/FieldValues.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type * as Middleware from "../Middleware.ts"
import { changing } from "../MiddlewareRequest.ts"
import { bodyTooLarge, LimitedBody, viewOf } from "../ViewedRequest.ts"

/**
 * Options of `bodyLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyLimitOptions {
  /** The largest body, such as `"5 MiB"`; a body of just as many bytes passes. Default: 1 MiB. */
  readonly maxBytes?: ByteSize.Input | undefined
  /** The name of the middleware. Default: `bodyLimit`. */
  readonly name?: string | undefined
}

/**
 * Limits the bodies of requests.
 *
 * @category middleware
 * @since 0.1.0
 */
export const bodyLimit = (
  options: BodyLimitOptions = {}
): Middleware.Before<never, HttpServerError.HttpServerError> => {
  const name = nameOr("bodyLimit", options.name)
  const maxBytes =
    options.maxBytes === undefined ? 1024 * 1024 : checkOptions(name).bytes("maxBytes", options.maxBytes, 0)
  const size = ByteSize.bytes(maxBytes)
  return changing(name, (request) => {
    // An unreadable length, "1e3" or "-1", says nothing: the body is counted.
    const declared = digits(request.headers["content-length"] ?? "")
    if (declared !== undefined && declared > maxBytes) {
      return Effect.fail(
        bodyTooLarge(request, `The body has ${declared} bytes, more than the ${maxBytes} bytes allowed`)
      )
    }
    const limited = viewOf(request, new LimitedBody(request, maxBytes))
    return Effect.map(
      MaxBodySize,
      (outer) =>
        Context.make(HttpServerRequest.HttpServerRequest, limited).pipe(
          Context.add(MaxBodySize, outer === undefined || ByteSize.isGreaterThan(outer, size) ? size : outer)
        ) as unknown as Context.Context<never>
    )
  })
}
