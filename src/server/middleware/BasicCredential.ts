/**
 * The user and password of Basic authentication (RFC 7617), and the comparison of secrets.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

import { sha256 } from "../../core/Sha256.ts"
import type { AuthenticationError } from "./AuthenticationError.ts"

/**
 * The credential of Basic authentication.
 *
 * @category models
 * @since 0.1.0
 */
export interface BasicCredential {
  readonly username: string
  readonly password: Redacted.Redacted
}

/**
 * Whether two secrets are equal, in a time that does not depend on where they differ.
 *
 * **Example** (An API key)
 *
 * ```ts
 * import { Context, Effect, Redacted } from "effect"
 * import { authentication, AuthenticationError, sameSecret } from "fairlead/server/middleware"
 *
 * class Partner extends Context.Service<Partner, string>()("app/Partner") {}
 *
 * const key = Redacted.make("k-7f3a")
 * const byKey = authentication(Partner, {
 *   from: { header: "x-api-key" },
 *   verify: (sent) =>
 *     Effect.flatMap(sameSecret(sent, key), (isSame) =>
 *       isSame
 *         ? Effect.succeed("partner")
 *         : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
 *     )
 * })
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const sameSecret = (first: Redacted.Redacted, second: Redacted.Redacted): Effect.Effect<boolean> =>
  Effect.sync(() => {
    // Digests under a random key have one length, and no sender can choose how far they agree.
    const key = globalThis.crypto.getRandomValues(new Uint8Array(32))
    return sha256(key, Redacted.value(first)) === sha256(key, Redacted.value(second))
  })

const pattern = /^basic +([A-Za-z\d+/]+={0,2}) *$/i

const malformed = {
  _tag: "InvalidRequest",
  description: "Send: Authorization: Basic <base64 of user:password>"
} as const

/** The credential of a header `Authorization`, with its length; or the reason why it is missing. */
export const basicCredential = (
  header: string | undefined
): { readonly chars: number; readonly credential: BasicCredential } | AuthenticationError["reason"] => {
  if (header === undefined || !/^basic(?: |$)/i.test(header)) return { _tag: "MissingCredential" }
  const encoded = pattern.exec(header)?.[1]
  const decoded = encoded === undefined ? undefined : decode(encoded)
  if (encoded === undefined || decoded === undefined) return malformed
  // The user has no colon: the first one ends it.
  const colon = decoded.indexOf(":")
  // RFC 7617 §2: no control characters in either.
  if (colon === -1 || /\p{Cc}/u.test(decoded)) return malformed
  const password = Redacted.make(decoded.slice(colon + 1))
  return { chars: encoded.length, credential: { username: decoded.slice(0, colon), password } }
}

const decode = (encoded: string): string | undefined => {
  const decoded = Result.try(() =>
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0))
    )
  )
  return Result.isSuccess(decoded) ? decoded.success : undefined
}
