/**
 * What names endpoints and protocols: endpoint ids, addresses, ALPNs and close codes.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Who an endpoint is: its Ed25519 public key of 32 bytes, as 64 lower-case hexadecimal digits.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EndpointId = Schema.String.check(
  Schema.isPattern(/^[\da-f]{64}$/, { expected: "64 lower-case hexadecimal digits" })
).pipe(Schema.brand("fairlead/endpoint/EndpointId"))

/**
 * Who an endpoint is.
 *
 * @category models
 * @since 0.1.0
 */
export type EndpointId = typeof EndpointId.Type

/**
 * Who an endpoint is, and where it may be found.
 *
 * @category models
 * @since 0.1.0
 */
export interface EndpointAddr {
  readonly id: EndpointId
  /** Addresses in the words of the transport, such as `127.0.0.1:4433`. */
  readonly addrs: ReadonlyArray<string>
}

/**
 * The name of a protocol that both sides agree on in the handshake (RFC 7301): 1 to 255 bytes.
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
 * import { Identity } from "fairlead/endpoint"
 *
 * const chat = Identity.alpn("chat/1")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const alpn = (text: string): Alpn =>
  Schema.decodeSync(Schema.toType(Alpn))(new TextEncoder().encode(text) as Alpn)

/**
 * An ALPN as a text: for logs, and as a key.
 *
 * @category getters
 * @since 0.1.0
 */
export const alpnText = (alpn: Alpn): string => new TextDecoder().decode(alpn)

/**
 * Whether two ALPNs are the same bytes.
 *
 * @category guards
 * @since 0.1.0
 */
export const sameAlpn = (a: Alpn, b: Alpn): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])

/**
 * What a peer is told when a connection or a stream ends: an application's own number below 2^62 (RFC 9000 §20.2).
 *
 * @category schemas
 * @since 0.1.0
 */
export const CloseCode = Schema.BigInt.check(
  Schema.makeFilter((code: bigint) => (code >= 0n && code < 2n ** 62n) || "0 to 2^62 - 1")
).pipe(Schema.brand("fairlead/endpoint/CloseCode"))

/**
 * What a peer is told when a connection or a stream ends.
 *
 * @category models
 * @since 0.1.0
 */
export type CloseCode = typeof CloseCode.Type

/**
 * The close code of a number. Throws when it is not an integer from 0 to 2^62 - 1.
 *
 * @category constructors
 * @since 0.1.0
 */
export const closeCode = (code: bigint | number): CloseCode =>
  Schema.decodeSync(Schema.toType(CloseCode))(BigInt(code) as CloseCode)
