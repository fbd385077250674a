/**
 * Assigns an id to every request, for logs, spans, the handler and the client.
 *
 * 1. An id that the client sent is taken over only when it is trusted and valid: 1 to 128 letters, digits or `. _ ~ : + / = @ -`.
 * 2. Otherwise a new one is made: a random UUID by default.
 * 3. A second one in the same request keeps the id of the first.
 * 4. It is provided as `RequestId`, set on the response whatever its status, and annotated on logs (`fairlead.request_id`) and the current span.
 *
 * Order: the first outer, so that everything inside logs with it. Trust the header only if your own proxy sets it: a client that
 * chooses the id can make its lines look like another's.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"

import { nameOr } from "../../core/Options.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { noteRequestId } from "../RequestIds.ts"

/**
 * The id of the current request.
 *
 * @category services
 * @since 0.1.0
 */
export class RequestId extends Context.Service<RequestId, string>()("fairlead/server/middleware/RequestId") {}

/**
 * Options of `requestId`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestIdOptions<A extends Effect.Effect<string> = Effect.Effect<string>> {
  /** The header to read and to set. Default: `x-request-id`. */
  readonly header?: string
  /** Whether the client's id is taken over. Default: never. */
  readonly trust?: boolean | ((request: Request) => boolean)
  /** Makes a new id. Default: a random UUID. */
  readonly generate?: A
  /** The name of the middleware. Default: `requestId`. */
  readonly name?: string
}

const randomUuid = Effect.sync(() => globalThis.crypto.randomUUID() as string)

const valid = /^[\w.~:+/=@-]{1,128}$/

/** The id that the client sent, when it may be taken over. */
const inbound = (request: Request, header: string, trust: RequestIdOptions["trust"]): string | undefined => {
  const trusted = typeof trust === "function" ? trust(request) : trust === true
  const id = request.headers[header]
  return trusted && id !== undefined && valid.test(id) ? id : undefined
}

/**
 * Names every request by an id and provides it as `RequestId`.
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
  options: RequestIdOptions<A> = {}
): Middleware.Outer<RequestId> => {
  const { header = "x-request-id", trust } = options
  const generate: Effect.Effect<string> = options.generate ?? randomUuid
  const key = header.toLowerCase()
  return Middleware.outer(nameOr("requestId", options.name), RequestId, (app) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      // An outer one has named the request already.
      const present = yield* Effect.serviceOption(RequestId)
      const id = Option.isSome(present) ? present.value : (inbound(request, key, trust) ?? (yield* generate))
      const withId = HttpServerResponse.setHeader(key, id)
      const answered = app.pipe(
        // A failure has no response yet: the server makes one later, and the id is set on that.
        Effect.tapCause(() => HttpEffect.appendPreResponseHandler((_, response) => Effect.succeed(withId(response)))),
        Effect.map(withId),
        Effect.provideService(RequestId, id)
      )
      noteRequestId(request, id)
      if (Option.isSome(present)) return yield* answered
      yield* Effect.annotateCurrentSpan("fairlead.request_id", id)
      return yield* Effect.annotateLogs(answered, "fairlead.request_id", id)
    })
  )
}
