/**
 * The names of protocols that both sides agree on in the handshake (RFC 7301).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The name of a protocol: 1 to 255 bytes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Alpn = Schema.Uint8Array.check(
  Schema.makeFilter((bytes: Uint8Array) => (bytes.length > 0 && bytes.length < 256) || "1 to 255 bytes")
).pipe(Schema.brand("fairlead/endpoint/Alpn"))

/**
 * The name of a protocol.
 *
 * @category models
 * @since 0.1.0
 */
export type Alpn = typeof Alpn.Type

/**
 * The ALPN of a text, in UTF-8. Throws when the text is empty or has more than 255 bytes.
 *
 * **Example** (A protocol's name)
 *
 * ```ts
 * import { Alpn } from "fairlead/endpoint"
 *
 * const chat = Alpn.fromString("chat/1")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Alpn =>
  Schema.decodeSync(Schema.toType(Alpn))(new TextEncoder().encode(text) as Alpn)

/**
 * An ALPN as a text: for logs, and as a key.
 *
 * @category getters
 * @since 0.1.0
 */
export const format = (alpn: Alpn): string => new TextDecoder().decode(alpn)

/**
 * Whether two ALPNs are the same bytes.
 *
 * @category guards
 * @since 0.1.0
 */
export const equals = (a: Alpn, b: Alpn): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}
