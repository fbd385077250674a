/**
 * Who an endpoint is, and where it may be found: as a value, as JSON and as a ticket to copy and paste.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

import { EndpointId } from "./EndpointId.ts"

/**
 * An endpoint's address: its id, and where to dial, in the words of the transport, such as `127.0.0.1:4433`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EndpointAddr = Schema.Struct({ id: EndpointId, addrs: Schema.Array(Schema.String) })

/**
 * Who an endpoint is, and where it may be found.
 *
 * @category models
 * @since 0.1.0
 */
export type EndpointAddr = typeof EndpointAddr.Type

const prefix = "endpoint1"

const Payload = Schema.StringFromBase64Url.pipe(Schema.decodeTo(Schema.fromJsonString(EndpointAddr)))

/**
 * An address as one line of text, to copy and paste: `endpoint1` and what follows in base64url.
 *
 * **Example** (A ticket and back)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { EndpointAddr } from "fairlead/endpoint"
 *
 * const share = (addr: EndpointAddr.EndpointAddr) => Schema.encodeEffect(EndpointAddr.Ticket)(addr)
 * const read = (text: string) => Schema.decodeEffect(EndpointAddr.Ticket)(text.trim())
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ticket = Schema.String.check(Schema.isStartingWith(prefix)).pipe(
  Schema.decodeTo(
    Payload,
    SchemaTransformation.transform({
      decode: (text: string) => text.slice(prefix.length),
      encode: (payload: string) => prefix + payload
    })
  )
)
