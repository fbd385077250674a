/**
 * The client of a request as trusted proxies name it, for middleware that has the request as it came. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { Request } from "./HttpTypes.ts"

/** By the request of the platform, which all views of a request share. */
const views = new WeakMap<object, Request>()

/** Notes the request as a trusted proxy describes it. */
export const noteTrusted = (request: Request): Request => {
  views.set(request.source, request)
  return request
}

/** The request as a trusted proxy describes it, else itself. */
export const trustedOf = (request: Request): Request => views.get(request.source) ?? request
