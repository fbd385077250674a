/**
 * Bounds how large a response may be.
 *
 * 1. A `Content-Length` that is too large fails at once with `BodyTooLarge`, and the response is let go unread. The response to HEAD has no body, whatever it says.
 * 2. Else the bytes are counted as they are read. The reader never gets one beyond the bound: the body fails with `HttpClientError`, since a stream of a
 *    response can fail with nothing else, whose `cause` is the `BodyTooLarge`; the connection is closed.
 *
 * Order: declared outside `decompress` it counts what the reader gets, inside what comes over the network. Works over any `HttpClient`; over fetch, which decompresses
 * by itself, only what the reader gets can be counted, and `Content-Length` is looked at only where no `Content-Encoding` says that it means something else.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as UrlParams from "effect/http/UrlParams"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import * as ClientHandler from "../ClientHandler.ts"
import { bodyError, withBody } from "../ResponseBody.ts"

/**
 * Options of `bodyLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The largest body in bytes. Default: 10 MiB, 10485760. */
  readonly maxBytes?: number
}

/**
 * A response is larger than allowed.
 *
 * @category errors
 * @since 0.1.0
 */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  maxBytes: Schema.Number,
  /** What `Content-Length` says, when that was enough to know. */
  declared: Schema.optionalKey(Schema.Number),
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String
}) {
  override get message(): string {
    const size = this.declared === undefined ? "more" : `${this.declared} bytes, more`
    return `The response to ${this.method} ${this.url} has ${size} than the ${this.maxBytes} bytes allowed: raise \`maxBytes\` if that is meant`
  }
}

/** The length that the head of the response promises for what the reader gets, when it does. */
const declaredLength = ({ headers, request, status }: ClientHandler.Response): number | undefined => {
  const value = headers["content-length"]
  if (request.method === "HEAD" || status === 204 || status === 304 || value === undefined) return undefined
  if (headers["content-encoding"] !== undefined) return undefined
  return /^\d+$/.test(value) ? Number(value) : undefined
}

/**
 * Bounds how large a response may be.
 *
 * **Example** (A bound that holds for what is decompressed)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { bodyLimit, decompress } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(bodyLimit({ maxBytes: 1024 * 1024 }))
 *   .use(decompress())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const bodyLimit = ({ maxBytes = 10 * 1024 * 1024 }: Options = {}): ClientHandler.ClientHandler<BodyTooLarge> =>
  ClientHandler.make("body-limit", {
    afterResponse: (_, outcome) => {
      if (outcome._tag === "Failure") return undefined
      const { response } = outcome
      const { method, url } = response.request
      const about = { maxBytes, method, url: UrlParams.redactUrl(url) }
      const declared = declaredLength(response)
      if (declared !== undefined && declared > maxBytes) return Exit.fail(new BodyTooLarge({ ...about, declared }))
      const stream = Stream.suspend(() => {
        let read = 0
        return Stream.mapEffect(response.stream, (chunk) => {
          read += chunk.length
          return read > maxBytes ? Effect.fail(bodyError(response, new BodyTooLarge(about))) : Effect.succeed(chunk)
        })
      })
      return ClientHandler.respond(withBody(response, { stream }))
    }
  })
