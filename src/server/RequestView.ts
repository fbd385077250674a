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
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import type { Request } from "./HttpTypes.ts"
import { PeekedBody, View } from "./ViewedRequest.ts"
import type { ModifyOptions } from "./ViewedRequest.ts"

export { cookie, header, param, query } from "./RequestValues.ts"
export type { Reader } from "./RequestValues.ts"
export type { ModifyOptions } from "./ViewedRequest.ts"

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
export const modify: {
  (changes: ModifyOptions): (request: Request) => Request
  (request: Request, changes: ModifyOptions): Request
} = dual(2, (request: Request, changes: ModifyOptions) =>
  request instanceof View ? request.with(changes, undefined) : new View(request, undefined, changes)
)

/**
 * The first `maxBytes` of the body, or all of it when it is shorter, and a request whose readers still get the whole body. Bytes after the
 * peeked ones are left in the connection until somebody reads them.
 *
 * **Gotchas**
 *
 * Go on with the returned request: the peeked bytes are missing in the one it was made from.
 *
 * @category combinators
 * @since 0.1.0
 */
export const peek: {
  (maxBytes: number): (request: Request) => Peeked
  (request: Request, maxBytes: number): Peeked
} = dual(2, (request: Request, maxBytes: number): Peeked =>
  Effect.gen(function* () {
    const peeked = request instanceof View ? request.peeked : undefined
    const body = peeked ?? new PeekedBody(yield* Stream.toPull(bodyOf(request)))
    const head = yield* body.head(maxBytes)
    if (peeked !== undefined) return [head, request] as const
    return [head, request instanceof View ? request.with({}, body) : new View(request, body, {})] as const
  })
)

/**
 * The first bytes of a body, and a request whose readers still get the whole body.
 *
 * @category models
 * @since 0.1.0
 */
export type Peeked = Effect.Effect<readonly [Uint8Array, Request], HttpServerError.HttpServerError, Scope.Scope>

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
