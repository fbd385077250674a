/**
 * The keys by which endpoints prove who they are (Ed25519, RFC 8032).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

import { checkOptions } from "../core/Options.ts"

/**
 * The 32 bytes of an Ed25519 secret key.
 *
 * @category models
 * @since 0.1.0
 */
export type SecretKey = Redacted.Redacted<Uint8Array>

const size = 32

/**
 * The secret key of 32 bytes. Throws when there are more or fewer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): SecretKey => {
  if (bytes.length !== size)
    throw checkOptions("SecretKey").invalid("bytes", `a secret key has ${size} bytes, this one has ${bytes.length}`)
  return Redacted.make(bytes.slice(), { label: "SecretKey" })
}

/**
 * A new secret key, from the runtime's cryptographic random numbers.
 *
 * **Example** (An endpoint with a stored key)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { SecretKey } from "fairlead/endpoint"
 *
 * const bytes = Effect.map(SecretKey.generate, Redacted.value) // 32 bytes to keep in a secret place
 * const again = (kept: Uint8Array) => SecretKey.fromBytes(kept)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const generate: Effect.Effect<SecretKey> = Effect.sync(() =>
  fromBytes(crypto.getRandomValues(new Uint8Array(size)))
)

// The first bytes of an Ed25519 private key in PKCS #8 (RFC 8410 §7).
const header = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]

/** The 32 bytes of the public key. Internal: see `EndpointId.fromSecretKey`. */
export const publicKeyOf = (secretKey: SecretKey): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const pkcs8 = Uint8Array.of(...header, ...Redacted.value(secretKey))
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"])
    const { x = "" } = await crypto.subtle.exportKey("jwk", key)
    return Result.getOrThrow(Base64Url.decode(x))
  })
