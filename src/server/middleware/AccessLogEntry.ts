/**
 * An entry of the access log.
 *
 * @since 0.1.0
 */
import type { ResponseEnd } from "../MiddlewareTypes.ts"

/**
 * A request whose response has ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface AccessLogEntry extends ResponseEnd {
  /** The status that was sent; 499 when the client cut the response, and 500 when its body failed. */
  readonly status: number
  /** The status as text for an error, or the tag of the error that ended the body. */
  readonly errorType: string | undefined
}
