/**
 * The header lines of a response as they came: what Effect's `headers` and `cookies` fold together.
 *
 * 1. `setCookieLines` works over any client: fetch and both Node clients keep their source, and its lines are read from there. A response that hides its source gives
 *    what `response.cookies` kept, which has only the last cookie of each name.
 * 2. `rawHeaders` works over the transport of `fairlead/client/node` only, since nothing else keeps the pairs.
 * 3. A handler that makes a new response from another passes them on by `inheritHeaders`.
 *
 * @since 0.1.0
 */
import * as Cookies from "effect/http/Cookies"
import * as Option from "effect/Option"

import type { Response } from "./Decision.ts"

/**
 * A header as it came: name in its own case, and value.
 *
 * @category models
 * @since 0.1.0
 */
export type HeaderPair = readonly [name: string, value: string]

const pairsOf = new WeakMap<object, ReadonlyArray<HeaderPair>>()
const origins = new WeakMap<Response, Response>()

/** Keeps the pairs for the headers object that a transport makes of them. Internal to the client part. */
export const rememberPairs = (headers: object, pairs: ReadonlyArray<HeaderPair>): void => {
  pairsOf.set(headers, pairs)
}

/** What a response may be made around: Effect's client wraps the transport's response, and that keeps what it was made of. */
interface Layers {
  readonly original?: Response
  readonly source?: { readonly headers?: unknown }
}

/** The response as the transport gave it, below those that handlers made of it. Internal to the client part. */
export const originOf = (response: Response): Response => {
  const origin = origins.get(response) ?? (response as Layers).original
  return origin === undefined ? response : originOf(origin)
}

// Read where it lies: `HttpClientResponse.toWeb` would take the response out of the registry that lets go of abandoned ones.
const sourceHeaders = (response: Response): object | undefined => {
  const headers = (response as Layers).source?.headers
  return typeof headers === "object" && headers !== null ? headers : undefined
}

/** The headers object that the transport made for the response. Internal to the client part. */
export const headersOf = (response: Response): object | undefined => sourceHeaders(originOf(response))

/**
 * Every header of the response in its order, same names apart; `None` where the transport did not keep them.
 *
 * @category accessors
 * @since 0.1.0
 */
export const rawHeaders = (response: Response): Option.Option<ReadonlyArray<HeaderPair>> => {
  const headers = headersOf(response)
  return Option.fromUndefinedOr(headers === undefined ? undefined : pairsOf.get(headers))
}

/**
 * The values of all `Set-Cookie` lines of the response, in their order.
 *
 * @category accessors
 * @since 0.1.0
 */
export const setCookieLines = (response: Response): ReadonlyArray<string> => {
  const pairs = rawHeaders(response)
  if (Option.isSome(pairs)) {
    return pairs.value.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value)
  }
  const headers = headersOf(response)
  if (headers instanceof Headers) return headers.getSetCookie()
  const lines: unknown = headers === undefined ? undefined : Reflect.get(headers, "set-cookie")
  if (Array.isArray(lines)) return lines.map(String)
  return typeof lines === "string" ? [lines] : Cookies.toSetCookieHeaders(response.cookies)
}

/**
 * Makes a response answer for its raw headers as another does.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inheritHeaders = (response: Response, from: Response): Response => {
  origins.set(response, from)
  return response
}
