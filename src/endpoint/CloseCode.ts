/**
 * The numbers with which connections and streams end.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const end = 2n ** 62n

const isCode = (code: bigint): boolean => code >= 0n && code < end

/**
 * The code that a peer gets at the end of a connection or a stream: an application's own number below 2^62 (RFC 9000 §20.2).
 *
 * @category schemas
 * @since 0.1.0
 */
export const CloseCode = Schema.BigInt.check(Schema.makeFilter((code: bigint) => isCode(code) || "0 to 2^62 - 1")).pipe(
  Schema.brand("fairlead/endpoint/CloseCode")
)

/**
 * The code that a peer gets at the end of a connection or a stream.
 *
 * @category models
 * @since 0.1.0
 */
export type CloseCode = typeof CloseCode.Type

/**
 * The close code of a number. Throws when it is not an integer from 0 to 2^62 - 1.
 *
 * **Example** (An application's own code)
 *
 * ```ts
 * import { CloseCode } from "fairlead/endpoint"
 *
 * const enough = CloseCode.make(7)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (code: bigint | number): CloseCode => {
  const value = BigInt(code)
  // Each end of a connection or a stream makes one, and the schema costs many times as much. It words the error.
  return isCode(value) ? (value as CloseCode) : Schema.decodeSync(Schema.toType(CloseCode))(value as CloseCode)
}
