/**
 * The scheme by which a request came. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { Request } from "./HttpTypes.ts"
import { trustedOf } from "./TrustedRequests.ts"

/** `https` for a request over TLS, or one that a trusted proxy received over TLS. */
export const schemeOf = (request: Request): "http" | "https" => {
  const { originalUrl, protocol, source } = trustedOf(request)
  if (protocol !== undefined) return protocol
  const { socket } = source as { readonly socket?: { readonly encrypted?: unknown } | null }
  // On Node the socket says it: the client chooses the target, which may be a whole URL.
  if (typeof socket === "object" && socket !== null) return socket.encrypted === true ? "https" : "http"
  return /^https:/i.test(originalUrl) ? "https" : "http"
}
