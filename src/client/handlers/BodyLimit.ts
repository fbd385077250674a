/**
 * Bounds how large a response may be.
 *
 * 1. A too large `Content-Length` fails at once with `BodyTooLarge`, and the response is released unread. The response to HEAD has no body, whatever it says.
 * 2. Else the bytes are counted as they are read. The reader never gets one beyond the bound: the body fails with `HttpClientError`, since a stream of a
 *    response can fail with nothing else, whose `cause` is the `BodyTooLarge`; the connection is closed.
 *
 * Order: declared outside `decompress` it counts what the reader gets, inside what comes over the network. Works over any `HttpClient`; over fetch, which decompresses
 * by itself, only what the reader gets can be counted, and `Content-Length` is looked at only where no `Content-Encoding` says that it means something else.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import { digits } from "../../core/heads/FieldValues.ts"
import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { bodyError } from "../ResponseBody.ts"

/**
 * Options of `bodyLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyLimitOptions {
  /** The handler's name. Default: `bodyLimit`. */
  readonly name?: string
  /** The largest body, such as `"5 MiB"`. Default: 10 MiB, 10485760. */
  readonly maxBytes?: ByteSize.Input
}

/**
 * A response is larger than allowed.
 *
 * @category errors
 * @since 0.1.0
 */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  maxBytes: Schema.Number,
  /** The `Content-Length`, when that was enough to know. */
  declaredBytes: Schema.optionalKey(Schema.Number),
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String
}) {
  override get message(): string {
    const size = this.declaredBytes === undefined ? "more" : `${this.declaredBytes} bytes, more`
    return `The response to ${this.method} ${this.url} has ${size} than the ${this.maxBytes} bytes allowed: raise \`maxBytes\` if that is meant`
  }
}

/** The length of the decoded body by the head of the response, where it is declared. */
const declaredLength = ({ headers, request, status }: ClientHandler.Response): number | undefined => {
  const value = headers["content-length"]
  if (request.method === "HEAD" || status === 204 || status === 304 || value === undefined) return undefined
  if (headers["content-encoding"] !== undefined) return undefined
  return digits(value)
}

/**
 * Bounds how large a response may be.
 *
 * **Example** (A bound on the decompressed body)
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
export const bodyLimit = (options: BodyLimitOptions = {}): ClientHandler.ClientHandler<BodyTooLarge> => {
  const name = nameOr("bodyLimit", options.name)
  const maxBytes =
    options.maxBytes === undefined ? 10 * 1024 * 1024 : checkOptions(name).bytes("maxBytes", options.maxBytes)
  return ClientHandler.make(name, {
    afterResponse: (outcome, exchange) => {
      if (outcome._tag === "Failure") return undefined
      const { response } = outcome
      const about = () => ({ maxBytes, method: response.request.method, url: redactUrl(response.request.url) })
      const declaredBytes = declaredLength(response)
      if (declaredBytes !== undefined && declaredBytes > maxBytes) {
        return Exit.fail(new BodyTooLarge({ ...about(), declaredBytes }))
      }
      let read = 0
      exchange.onBody({
        // A transport keeps to the declared length.
        everyPiece: declaredBytes === undefined,
        piece: (bytes) => {
          read += bytes.length
          return read > maxBytes ? bodyError(response, new BodyTooLarge(about())) : undefined
        }
      })
      return undefined
    }
  })
}
