/**
 * The header lines of a response as they came, which Effect's `headers` and `cookies` fold together.
 *
 * 1. `setCookies` works over any client: fetch and both Node clients keep their source, and its lines are read from there. For a response that hides its source
 *    the lines come from `response.cookies`, which has only the last cookie of each name.
 * 2. `of` works over the transport of `fairlead/client/node` only, since nothing else keeps the pairs.
 * 3. A handler that makes a new response from another passes them on by `inherit`.
 *
 * @since 0.1.0
 */
import * as Cookies from "effect/http/Cookies"
import * as Option from "effect/Option"

import type { Response } from "./Decision.ts"
import { fieldLines, headersOf, inheritHeaders, pairsOfResponse } from "./HeaderLines.ts"
import type { Pair } from "./HeaderLines.ts"

export type { Pair } from "./HeaderLines.ts"

/**
 * Every header of the response in its order, same names apart; `None` where the transport did not keep them.
 *
 * @category accessors
 * @since 0.1.0
 */
export const of = (response: Response): Option.Option<ReadonlyArray<Pair>> =>
  Option.fromUndefinedOr(pairsOfResponse(response))

/**
 * The values of all `Set-Cookie` lines of the response, in their order.
 *
 * @category accessors
 * @since 0.1.0
 */
export const setCookies = (response: Response): ReadonlyArray<string> => {
  const headers = headersOf(response)
  if (headers === undefined) return Cookies.toSetCookieHeaders(response.cookies)
  if (headers instanceof Headers && pairsOfResponse(response) === undefined) return headers.getSetCookie()
  const lines = fieldLines(response, "set-cookie")
  return lines.length > 0 ? lines : Cookies.toSetCookieHeaders(response.cookies)
}

/**
 * Makes a response answer for its raw headers as another does.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inherit = (response: Response, from: Response): Response => inheritHeaders(response, from)
