/**
 * Gives every request an id, for logs, spans, the handler and the client.
 *
 * 1. An id that the client sent is taken over only when it is trusted and valid: 1 to 128 letters, digits or `. _ ~ : + / = @ -`.
 * 2. Otherwise a new one is made: a random UUID by default.
 * 3. It is provided as `RequestId`, set on the response whatever its status, and annotated on logs (`http.request.id`) and the current span.
 *
 * Order: the first outer, so that everything inside logs with it. Trust the header only behind a proxy of yours that sets it: a client that
 * chooses the id can make its lines look like another's.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import * as Middleware from "../Middleware.ts"
import type { Request } from "../Model.ts"

/**
 * The id of the current request.
 *
 * @category services
 * @since 0.1.0
 */
export class RequestId extends Context.Service<RequestId, string>()("fairlead/server/RequestId") {}

/**
 * Options of `requestId`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A extends Effect.Effect<string> = Effect.Effect<string>> {
  /** The header that is read and set. Default: `x-request-id`. */
  readonly header?: string
  /** Whether the client's id is taken over. Default: never. */
  readonly trust?: boolean | ((request: Request) => boolean)
  /** Makes a new id. Default: a random UUID. */
  readonly generate?: A
}

const randomUuid = Effect.sync(() => globalThis.crypto.randomUUID() as string)

const valid = /^[\w.~:+/=@-]{1,128}$/

/** The id that the client sent, when it may be taken over. */
const inbound = (request: Request, header: string, trust: Options["trust"]): string | undefined => {
  const trusted = typeof trust === "function" ? trust(request) : trust === true
  const id = request.headers[header]
  return trusted && id !== undefined && valid.test(id) ? id : undefined
}

/**
 * Gives every request an id and provides it as `RequestId`.
 *
 * **Example** (Using the id)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { RequestId, requestId } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("api")
 *   .outer(requestId())
 *   .handle(Effect.map(RequestId, (id) => HttpServerResponse.text(id)))
 * ```
 *
 * @category middleware
 * @since 0.1.0
 */
export const requestId = <A extends Effect.Effect<string> = Effect.Effect<string>>(
  options: Options<A> = {}
): Middleware.Outer<RequestId> => {
  const { header = "x-request-id", trust } = options
  const generate: Effect.Effect<string> = options.generate ?? randomUuid
  const name = header.toLowerCase()
  return Middleware.outer("request-id", RequestId, (app) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const id = inbound(request, name, trust) ?? (yield* generate)
      const withId = HttpServerResponse.setHeader(name, id)
      yield* Effect.annotateCurrentSpan("http.request.id", id)
      return yield* app.pipe(
        // A failure has no response yet: the server makes one later, and the id is set on that.
        Effect.tapCause(() => HttpEffect.appendPreResponseHandler((_, response) => Effect.succeed(withId(response)))),
        Effect.map(withId),
        Effect.provideService(RequestId, id),
        Effect.annotateLogs("http.request.id", id)
      )
    })
  )
}
