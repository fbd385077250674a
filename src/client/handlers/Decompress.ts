/**
 * Asks for compressed responses and decompresses them as they are read (RFC 9110 §8.4).
 *
 * 1. Asks by `Accept-Encoding` for the codings that it knows, unless the request has that header, or a `Range`: a part of a compressed body cannot be decoded.
 * 2. Undoes `Content-Encoding`, several codings in reverse order, up to `maxCodings`. `x-gzip` is gzip, `identity` is nothing, deflate may come without its header. A response
 *    with a coding that it does not know stays as it is, headers included.
 * 3. Leaves alone: responses to HEAD, 204, 206 and 304. An empty body is an empty body.
 * 4. `Content-Encoding` and `Content-Length`, which do not hold for the new body, are taken away.
 * 5. A body that ends too early is an error, never a short success, as is one that cannot be decoded, that grows beyond `maxBytes`, or that grows by more than `maxRatio`.
 *    It fails with `HttpClientError`, since a stream of a response can fail with nothing else: its `cause` is the `DecompressError`.
 *
 * Order: inside caching, which is to store what is asked for, and inside `bodyLimit`; outside `record`. Works over transports that hand bodies over as they came: the node
 * transports, undici and `node:http`. Over fetch, which decompresses by itself and takes a truncated gzip body for a whole one, only rule 4 holds. The default codings
 * are those of the runtime's `DecompressionStream`: gzip and deflate everywhere, br in Node 22.20, 24.7 and later; one member of gzip only. `nodeCodings` of
 * `fairlead/client/node` has them all, zstd too.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

import { tokenList } from "../../core/heads/FieldValues.ts"
import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { bodyError, withBody } from "../ResponseBody.ts"
import { webCodings } from "./ContentCoding.ts"
import type { ContentCoding } from "./ContentCoding.ts"
import { isDecodedByFetch } from "./ContentDecoding.ts"
import { decoded } from "./Decoding.ts"
import type { Flaw } from "./Decoding.ts"

export { webCodings } from "./ContentCoding.ts"
export type { ContentCoding } from "./ContentCoding.ts"

/**
 * Options of `decompress`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DecompressOptions {
  /** The handler's name. Default: `decompress`. */
  readonly name?: string
  /** The codings to decode, most wanted first. Default: `webCodings()`, those of the runtime. */
  readonly codings?: ReadonlyArray<ContentCoding>
  /** How many codings one response may have on top of each other. Default: 3. */
  readonly maxCodings?: number
  /** The largest decompressed body, such as `"5 MiB"`. Default: 100 MiB, 104857600. */
  readonly maxBytes?: ByteSize.Input
  /** How many times larger than what came over the network a body may become, once it is beyond 1 MiB. Default: 200. */
  readonly maxRatio?: number
}

const advice = {
  TooManyCodings: "has more codings on top of each other than allowed: raise `maxCodings` if that is meant",
  TruncatedBody: "ends before its compressed body does: it broke off on the way, ask again",
  CorruptBody: "cannot be decoded: it is not what its Content-Encoding says",
  BodyTooLarge: "decompresses to more than allowed: raise `maxBytes` if that is meant",
  RatioTooHigh: "decompresses to suspiciously much for its size: raise `maxRatio` if that is meant"
} as const

/**
 * A response cannot, or shall not, be decompressed.
 *
 * @category errors
 * @since 0.1.0
 */
export class DecompressError extends Schema.TaggedError<DecompressError>()("DecompressError", {
  reason: Schema.Union([
    Schema.TaggedStruct("TooManyCodings", {}),
    Schema.TaggedStruct("TruncatedBody", {}),
    Schema.TaggedStruct("CorruptBody", {}),
    Schema.TaggedStruct("BodyTooLarge", {}),
    Schema.TaggedStruct("RatioTooHigh", {})
  ]),
  /** The header `Content-Encoding`. */
  encoding: Schema.String,
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `The response to ${this.method} ${this.url} in ${this.encoding} ${advice[this.reason._tag]}`
  }
}

interface Settings {
  readonly codings: ReadonlyArray<ContentCoding>
  readonly maxCodings: number
  readonly maxBytes: number
  readonly maxRatio: number
}

/** The plan for a response: decode by these in this order, with an empty list do nothing, or refuse. */
type Plan = ReadonlyArray<ContentCoding> | "TooManyCodings"

const none: Plan = []

const planFor = (method: string, status: number, encoding: string | undefined, settings: Settings): Plan => {
  if (encoding === undefined || method === "HEAD" || [204, 206, 304].includes(status)) return none
  const names = tokenList(encoding.toLowerCase())
    .map((name) => (name === "x-gzip" ? "gzip" : name))
    .filter((name) => name !== "identity")
  if (names.length > settings.maxCodings) return "TooManyCodings"
  const codings = names.toReversed().map((name) => settings.codings.find((coding) => coding.name === name))
  // One unknown coding hides what is below it.
  return codings.every((coding) => coding !== undefined) ? codings : none
}

const decodedHeaders = (headers: Headers.Headers): Headers.Headers =>
  Headers.removeMany(headers, ["content-encoding", "content-length"])

const decompressed = (
  response: ClientHandler.Response,
  codings: ReadonlyArray<ContentCoding>,
  settings: Settings,
  error: (reason: Flaw, cause?: unknown) => DecompressError
): Stream.Stream<Uint8Array, HttpClientError.HttpClientError> =>
  decoded(response.stream, {
    codings,
    maxBytes: settings.maxBytes,
    maxRatio: settings.maxRatio,
    onFlaw: (flaw, cause) => bodyError(response, error(flaw, cause)),
    isOwn: HttpClientError.isHttpClientError
  })

/**
 * Asks for compressed responses and decompresses them.
 *
 * **Example** (With all codings, on Node)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { bodyLimit, decompress } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const chain = ClientChain.make("api")
 *   .use(bodyLimit())
 *   .use(decompress({ codings: NodeTransport.codings, maxRatio: 50 }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const decompress = (options: DecompressOptions = {}): ClientHandler.ClientHandler<DecompressError> => {
  const name = nameOr("decompress", options.name)
  const check = checkOptions(name)
  const settings: Settings = {
    codings: options.codings ?? webCodings(),
    maxCodings: check.maximum("maxCodings", options.maxCodings ?? 3),
    maxBytes: options.maxBytes === undefined ? 100 * 1024 * 1024 : check.bytes("maxBytes", options.maxBytes),
    maxRatio:
      options.maxRatio === Number.POSITIVE_INFINITY
        ? options.maxRatio
        : check.positive("maxRatio", options.maxRatio ?? 200)
  }
  const accepted = settings.codings.map(({ name }) => name).join(", ")
  return ClientHandler.make(name, {
    run: ({ request }) => {
      if ("accept-encoding" in request.headers || "range" in request.headers || accepted === "") return undefined
      return ClientHandler.proceed(HttpClientRequest.setHeader(request, "accept-encoding", accepted))
    },
    afterResponse: (outcome) => {
      if (outcome._tag === "Failure") return undefined
      const { response } = outcome
      const { headers, request, status } = response
      const encoding = headers["content-encoding"]
      const plan = planFor(request.method, status, encoding, settings)
      if (encoding === undefined || plan === none) return undefined
      if (isDecodedByFetch(response)) {
        return ClientHandler.respond(withBody(response, { stream: response.stream, headers: decodedHeaders(headers) }))
      }
      const error = (_tag: DecompressError["reason"]["_tag"], cause?: unknown) =>
        new DecompressError({
          reason: { _tag },
          encoding,
          method: request.method,
          url: redactUrl(request.url),
          ...(cause === undefined ? {} : { cause })
        })
      if (plan === "TooManyCodings") return Exit.fail(error(plan))
      const stream = decompressed(response, plan, settings, error)
      return ClientHandler.respond(withBody(response, { stream, headers: decodedHeaders(headers) }))
    }
  })
}
