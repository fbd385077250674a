/**
 * `Cache-Status` (RFC 9211): the record of a cache about a request. Internal to the client part.
 *
 * @since 0.1.0
 */
import type { Forward } from "./CachePolicy.ts"

/** The record of a cache about a request. */
export interface CacheStatus {
  /** Why the request went to the network; `undefined` for a hit. */
  readonly forward?: Forward | undefined
  /** The status of the network's response, where it is not the response's own. */
  readonly forwardStatus?: number | undefined
  readonly isStored?: boolean | undefined
  /** Whether the request shared one that was under way. */
  readonly isCollapsed?: boolean | undefined
  /** Seconds that the response stays fresh; negative when it is stale. */
  readonly timeToLive?: number | undefined
  readonly detail?: string | undefined
}

const token = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/

/** The value of the field. */
export const formatCacheStatus = (name: string, status: CacheStatus): string => {
  const identifier = token.test(name) ? name : `"${name.replaceAll(/[^ -~]/g, "?").replaceAll(/["\\]/g, "\\$&")}"`
  const parts = [identifier, status.forward === undefined ? "hit" : `fwd=${status.forward}`]
  if (status.forwardStatus !== undefined) parts.push(`fwd-status=${status.forwardStatus}`)
  if (status.timeToLive !== undefined) parts.push(`ttl=${status.timeToLive}`)
  if (status.isStored === true) parts.push("stored")
  if (status.isCollapsed === true) parts.push("collapsed")
  if (status.detail !== undefined) parts.push(`detail=${status.detail}`)
  return parts.join("; ")
}
