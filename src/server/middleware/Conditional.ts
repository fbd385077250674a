/**
 * Conditional requests by RFC 9110 §13: a client that has a response already gets 304 without its body, and one whose knowledge is out of date gets 412.
 *
 * **Example** (No lost update)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { conditional } from "fairlead/server/middleware"
 *
 * class Pages extends Context.Service<Pages, { readonly versionOf: (url: string) => Effect.Effect<number> }>()("app/Pages") {}
 *
 * const current = ({ url }: { readonly url: string }) =>
 *   Effect.map(Effect.flatMap(Pages, ({ versionOf }) => versionOf(url)), (version) => ({ etag: `"${version}"` }))
 *
 * const app = Pipeline.make("wiki").outer(conditional({ current })).handle(HttpServerResponse.text("page"))
 * ```
 *
 * **Rules**
 *
 * 1. The order is that of §13.2.2: `If-Match`, else `If-Unmodified-Since`; then `If-None-Match`, else `If-Modified-Since`. `If-Match` compares strongly, `If-None-Match` weakly.
 * 2. GET and HEAD are judged by the `ETag` and `Last-Modified` of their 2xx response. Any other response is left alone (§13.2.1).
 * 3. A 304 has no body and no header that describes one. It keeps `Cache-Control`, `Content-Location`, `Date`, `ETag`, `Expires`, `Vary`, and the headers of other matters (§15.4.5).
 * 4. Other methods are judged before they run, by the state that `current` returns. Without `current` they run: the app has to judge them.
 * 5. A response in memory without an `ETag` gets a weak one, made of its body, unless it says `no-store`. HEAD has the same as GET.
 *
 * **Order**
 *
 * An outer, inside of authentication: a stranger must not learn what exists. It judges outside of Effect's compression, and makes tags inside.
 *
 * **Limits**
 *
 * Bodies of more than `maxBytes`, 1 MiB by default, get no tag.
 *
 * **Gotchas**
 *
 * Between `current` and the write another request can write. Compare the version in the write too, such as by `WHERE version = ?`.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { parseEntityTag } from "../../core/heads/EntityTags.ts"
import { tokenList } from "../../core/heads/FieldValues.ts"
import * as HttpDate from "../../core/heads/HttpDate.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as Sha256 from "../../core/Sha256.ts"
import type { App, Request, Response } from "../HttpTypes.ts"
import type * as Middleware from "../Middleware.ts"
import { outerWith } from "../MiddlewareOuter.ts"
import { hasPrecondition, isReading, statusOf } from "./Preconditions.ts"
import type { CurrentState } from "./Preconditions.ts"

/**
 * The validators of one state of a resource (RFC 9110 §8.8).
 *
 * @category models
 * @since 0.1.0
 */
export interface Validators {
  /** The entity tag as it is sent, such as `"7"` with its quotes. */
  readonly etag?: string | undefined
  readonly lastModified?: Date | undefined
}

/**
 * Options of `conditional`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConditionalOptions<R = never> {
  /** The present state of the resource, or `undefined` where there is nothing. It is used for methods other than GET and HEAD. Default: none. */
  readonly current?: ((request: Request) => Effect.Effect<Validators | undefined, never, R>) | undefined
  /** Whether a response in memory without an `ETag` gets one. Default: true. */
  readonly makesTags?: boolean | undefined
  /** The largest body that gets a tag. Default: 1 MiB. */
  readonly maxBytes?: ByteSize.Input | undefined
  /** The name of the middleware. Default: `conditional`. */
  readonly name?: string | undefined
}

/**
 * Answers conditional requests.
 *
 * @category middleware
 * @since 0.1.0
 */
export const conditional = <R = never>(options: ConditionalOptions<R> = {}): Middleware.Outer<never, never, R> => {
  const { current, makesTags = true } = options
  const name = nameOr("conditional", options.name)
  const check = checkOptions(name)
  check.oneOf("makesTags", makesTags, [true, false])
  const maxBytes = options.maxBytes === undefined ? 1024 * 1024 : check.bytes("maxBytes", options.maxBytes)
  return outerWith<R>(name, {
    wrap: (app) => (current === undefined ? app : judging(current, app)),
    sending: (response, request) => {
      const { headers, method } = request
      if (!isReading(method) || !hasPrecondition(headers) || response.status < 200 || response.status > 299) {
        return response
      }
      return Effect.map(Clock.currentTimeMillis, (now) => {
        const state = stateOf(response.headers["etag"], response.headers["last-modified"], now)
        const status = statusOf(method, headers, state, now)
        return status === undefined ? response : ending(response, status)
      })
    },
    sendingInside: (response, request) => (makesTags ? withTag(response, request, maxBytes) : response)
  })
}

/** The app, for requests that change nothing or whose preconditions hold. */
const judging = <R>(current: NonNullable<ConditionalOptions<R>["current"]>, app: App): App =>
  Effect.withFiber(({ context }): App => {
    const request = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
    const { headers, method } = request
    if (isReading(method) || !hasPrecondition(headers)) return app
    return Effect.flatMap(Effect.zip(current(request), Clock.currentTimeMillis), ([validators, now]) => {
      const state =
        validators === undefined ? undefined : stateOf(validators.etag, validators.lastModified?.toUTCString(), now)
      return statusOf(method, headers, state, now) === undefined
        ? (app as Effect.Effect<Response>)
        : Effect.succeed(HttpServerResponse.empty({ status: 412 }))
    })
  })

const stateOf = (etag: string | undefined, lastModified: string | undefined, now: number): CurrentState => ({
  etag: parseEntityTag(etag),
  lastModified: lastModified === undefined ? undefined : HttpDate.parse(lastModified, now)
})

/** Headers that describe a body, which is not sent. */
const ofContent = new Set([
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "content-type",
  "repr-digest",
  "transfer-encoding"
])

const ending = (response: Response, status: 304 | 412): Response => {
  release(response)
  const hasTag = response.headers["etag"] !== undefined
  const headers = Object.entries(response.headers).filter(
    ([name]) => !ofContent.has(name) && !(hasTag && name === "last-modified" && status === 304)
  )
  return HttpServerResponse.empty({ status, headers, cookies: response.cookies })
}

/** Closes the file or the stream of a body that nobody will read. */
const release = ({ body }: Response): void => {
  if (body._tag !== "Raw") return
  const raw = body.body as { readonly destroy?: () => unknown; readonly cancel?: () => Promise<unknown> } | null
  if (typeof raw?.destroy === "function") raw.destroy()
  else if (typeof raw?.cancel === "function") raw.cancel().catch(() => {})
}

const withTag = (response: Response, { method }: Request, maxBytes: number): Response | Effect.Effect<Response> => {
  const { body, headers, status } = response
  if (status !== 200 || !isReading(method) || body._tag !== "Uint8Array" || body.body.byteLength > maxBytes) {
    return response
  }
  if (headers["etag"] !== undefined || isUnstored(headers["cache-control"])) return response
  const bytes = body.body as Uint8Array<ArrayBuffer>
  if (bytes.byteLength <= smallBody) return tagged(response, Sha256.digest(bytes))
  return Effect.map(
    Effect.promise(() => globalThis.crypto.subtle.digest("SHA-256", bytes)),
    (digest) => tagged(response, new Uint8Array(digest))
  )
}

/** The largest body whose digest costs less in JavaScript than the wait for Web Crypto. Both have the same result. */
const smallBody = 8 * 1024

const tagged = (response: Response, digest: Uint8Array): Response =>
  HttpServerResponse.setHeader(response, "etag", `W/"${base64(digest.subarray(0, 16))}"`)

const isUnstored = (cacheControl: string | undefined): boolean =>
  cacheControl !== undefined && tokenList(cacheControl.toLowerCase()).includes("no-store")

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replaceAll("=", "")
