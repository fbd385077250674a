/**
 * The names of endpoints: Ed25519 public keys.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Schema from "effect/Schema"

import type { SecretKey } from "./SecretKey.ts"
import { publicKeyOf } from "./SecretKey.ts"

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
 * The id that belongs to a secret key.
 *
 * **Example** (A new identity)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EndpointId, SecretKey } from "fairlead/endpoint"
 *
 * const identity = Effect.flatMap(SecretKey.generate, (secretKey) =>
 *   Effect.map(EndpointId.fromSecretKey(secretKey), (id) => ({ id, secretKey }))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSecretKey = (secretKey: SecretKey): Effect.Effect<EndpointId> =>
  Effect.map(publicKeyOf(secretKey), (bytes) => EndpointId.make(Hex.encode(bytes)))
