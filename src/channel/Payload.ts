/**
 * The payloads of messages, and the frames that carry them.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

/**
 * A reference as the client chose it; it is returned unchanged. A number is read by `JSON.parse`: beyond 2^53 it is rounded.
 *
 * @category models
 * @since 0.1.0
 */
export type Ref = string | number | null

/**
 * The payload of a message: JSON, or bytes, which only a binary frame of V2 can hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = Schema.Json | Uint8Array

/**
 * A frame of a WebSocket: a string has the text opcode, bytes have the binary one.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = string | Uint8Array
