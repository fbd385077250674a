/**
 * The nonce of a request, for a Content-Security-Policy (CSP Level 3 §7.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"

import type { Request } from "../HttpTypes.ts"

/** The nonces by the request of the platform, which all views of a request share. */
const nonces = new WeakMap<object, string>()

/** The nonce of a request. It is made when it is first asked for: 16 random bytes in base64. */
export const nonceOf = ({ source }: Request): string => {
  const present = nonces.get(source)
  if (present !== undefined) return present
  const nonce = btoa(String.fromCharCode(...globalThis.crypto.getRandomValues(new Uint8Array(16))))
  nonces.set(source, nonce)
  return nonce
}

/**
 * The nonce of the current request, which `securityHeaders` puts in the place of `'nonce'` in a policy. It is 16 random bytes in base64.
 *
 * **Example** (An inline script)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { cspNonce, securityHeaders } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("page")
 *   .sending(securityHeaders({ contentSecurityPolicy: { directives: { "script-src": ["'nonce'", "'strict-dynamic'"] } } }))
 *   .handle(Effect.map(cspNonce, (nonce) => HttpServerResponse.html(`<script nonce="${nonce}">start()</script>`)))
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const cspNonce: Effect.Effect<string, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  nonceOf
)
