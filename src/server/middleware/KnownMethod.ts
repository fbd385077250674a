/**
 * The method of a request as an attribute of metrics. Internal to the server part.
 *
 * @since 0.1.0
 */

const known = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"])

/** The method when HTTP defines it, else `_OTHER` as in OpenTelemetry: no client can add a series. */
export const knownMethod = (method: string): string => (known.has(method) ? method : "_OTHER")
