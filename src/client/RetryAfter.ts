/**
 * How long a server asks its clients to stay away. Internal to the client part.
 *
 * @since 0.1.0
 */
import type { Response } from "./Decision.ts"
import * as HttpDate from "./HttpDate.ts"

/** The wait that `Retry-After` asks for, in milliseconds (RFC 9110 §10.2.3); `undefined` when it asks for none. */
export const retryAfter = ({ headers }: Response, now: number): number | undefined => {
  const value = headers["retry-after"]
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = HttpDate.parse(value, now)
  return at === undefined ? undefined : Math.max(0, at - now)
}
