/**
 * Attributes of metrics that no client can make up. Internal to the fairings.
 *
 * @since 0.1.0
 */

const known = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"])

/** The method when HTTP defines it, else `_OTHER`, as OpenTelemetry has it. Internal to the fairings. */
export const knownMethod = (method: string): string => (known.has(method) ? method : "_OTHER")

/** The class of a status, such as `2xx`. Internal to the fairings. */
export const statusClass = (status: number): string => `${Math.floor(status / 100)}xx`
