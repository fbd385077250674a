/**
 * How long a server wants its clients to stay away.
 *
 * @since 0.1.0
 */
import { digits } from "./FieldValues.ts"
import * as HttpDate from "./HttpDate.ts"

/** The wait of a `Retry-After` in milliseconds (RFC 9110 §10.2.3); `undefined` without a valid one. */
export const retryAfter = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  const seconds = digits(value)
  if (seconds !== undefined) return seconds * 1000
  const at = HttpDate.parse(value, now)
  return at === undefined ? undefined : Math.max(0, at - now)
}
