/**
 * JSON Web Tokens as credentials, by the best current practice of RFC 8725: `verifier` is a `verify` for `authentication`.
 *
 * **Example** (Tokens of an identity provider)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Middleware } from "fairlead/server"
 * import { authentication, AuthenticationError, Jwt } from "fairlead/server/middleware"
 *
 * class User extends Context.Service<User, Jwt.Claims>()("app/User") {}
 *
 * class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
 *   provides: User,
 *   error: [AuthenticationError, Jwt.KeysUnavailable]
 * }) {}
 *
 * const live = Authenticate.layerEffect(
 *   Effect.map(Jwt.remoteKeys({ url: "https://id.example/.well-known/jwks.json" }), (keys) =>
 *     authentication(User, {
 *       from: "bearer",
 *       verify: Jwt.verifier({ keys, algorithms: ["ES256"], issuer: "https://id.example", audience: "https://api.example" })
 *     })
 *   )
 * )
 * ```
 *
 * **Rules**
 *
 * 1. Only the algorithms of the option are accepted (RFC 8725 §3.1), never `none`. Secrets go with HS algorithms alone, and public keys with the others, so that no public key
 *    can pass as a secret.
 * 2. The key comes from `keys`. A key, a URL or a certificate in the header of a token is not looked at (§3.10).
 * 3. `iss`, `aud` and `exp` have to be there, and fit (§3.8, §3.9). `exp` and `nbf` are compared by Effect's `Clock`, with `skew`.
 * 4. A header with `crit` is refused: no extension is known (RFC 7515 §4.1.11). With `type` the header `typ` has to be equal (§3.11).
 * 5. Without a `kid`, every key that fits is tried, up to 4.
 * 6. A bad token fails with `AuthenticationError` and a description that names no secret. Keys that cannot be fetched fail with `KeysUnavailable` 503.
 *
 * **Limits**
 *
 * It needs the package `jose`, which is loaded with the first token.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

import { loadPeer } from "../../core/OptionalPeer.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { AuthenticationError } from "./AuthenticationError.ts"
import { keysFor } from "./JwtKeys.ts"
import type { JsonWebKey, KeySource } from "./JwtKeys.ts"

export { KeysUnavailable, remoteKeys } from "./JwtKeys.ts"
export type { JsonWebKey, KeySource, RemoteKeysOptions, WantedKey } from "./JwtKeys.ts"

/**
 * The algorithms of signatures (RFC 7518 §3.1, RFC 8037, RFC 9864).
 *
 * @category models
 * @since 0.1.0
 */
export type Algorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA"
  | "Ed25519"

/**
 * The claims of a token (RFC 7519 §4.1), and others that it has.
 *
 * @category models
 * @since 0.1.0
 */
export interface Claims {
  readonly iss: string
  readonly aud: string | ReadonlyArray<string>
  /** Seconds since 1970. */
  readonly exp: number
  readonly sub?: string | undefined
  readonly nbf?: number | undefined
  readonly iat?: number | undefined
  readonly jti?: string | undefined
  readonly [claim: string]: unknown
}

/**
 * Options of `verifier`.
 *
 * @category models
 * @since 0.1.0
 */
export interface VerifierOptions<E = never> {
  /** The keys: those of `remoteKeys`, a fixed set, or the secret of HS algorithms, which is at least as long as the hash. */
  readonly keys: KeySource<E> | { readonly keys: ReadonlyArray<JsonWebKey> } | Redacted.Redacted<Uint8Array>
  /** The accepted algorithms: all HS, or no HS. */
  readonly algorithms: ReadonlyArray<Algorithm>
  /** Who may issue tokens. */
  readonly issuer: string | ReadonlyArray<string>
  /** Whom tokens are for: this server. */
  readonly audience: string | ReadonlyArray<string>
  /** The `typ` of the header, such as `at+jwt`. Default: any. */
  readonly type?: string | undefined
  /** How far the clocks of issuer and server may differ. Default: 30 seconds. */
  readonly skew?: Duration.Input | undefined
  /** The name in errors of options. Default: `verifier`. */
  readonly name?: string | undefined
}

/**
 * Verifies tokens, for the option `verify` of `authentication`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const verifier = <E = never>(
  options: VerifierOptions<E>
): ((credential: Redacted.Redacted) => Effect.Effect<Claims, AuthenticationError | E>) => {
  const checked = checkedOptions(options)
  return (credential) => {
    const token = Redacted.value(credential)
    const header = headerOf(token, checked.algorithms)
    if (typeof header === "string") return invalid(header)
    return Effect.flatMap(checked.find(header), (keys) => verifyBy(checked, keys.slice(0, maxTried), token))
  }
}

const maxTried = 4

interface Checked<E> {
  readonly algorithms: ReadonlyArray<Algorithm>
  readonly find: (header: Header) => Effect.Effect<ReadonlyArray<JsonWebKey | Uint8Array>, E>
  readonly claims: {
    readonly issuer: Array<string>
    readonly audience: Array<string>
    readonly clockTolerance: number
    readonly requiredClaims: Array<string>
    readonly typ?: string
  }
}

const hashBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }
const known = new Set(
  "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ")
)

const checkedOptions = <E>(options: VerifierOptions<E>): Checked<E> => {
  const check = checkOptions(nameOr("verifier", options.name))
  const { algorithms, keys, type } = options
  const list = (option: "issuer" | "audience"): Array<string> => {
    const value = options[option]
    const texts = typeof value === "string" ? [value] : [...value]
    if (texts.length > 0 && texts.every((text) => text !== "")) return texts
    throw check.invalid(option, "it is empty: a token of anybody would be accepted")
  }
  if (algorithms.length === 0) throw check.invalid("algorithms", "it is empty: list those of your issuer")
  for (const algorithm of algorithms) {
    if (!known.has(algorithm)) throw check.invalid("algorithms", `"${algorithm}" is not known: use ES256`)
    if (Redacted.isRedacted(keys) === (hashBytes[algorithm] === undefined)) {
      throw check.invalid("algorithms", `${algorithm} does not fit the keys: HS algorithms go with a secret alone`)
    }
  }
  const skew = check.duration("skew", options.skew ?? "30 seconds", { zero: true })
  return {
    algorithms,
    find: finderOf(keys, (length) => {
      const shortest = Math.max(...algorithms.map((algorithm) => hashBytes[algorithm] ?? 0))
      if (length < shortest) throw check.invalid("keys", `the secret has ${length} bytes: use ${shortest} or more`)
    }),
    claims: {
      issuer: list("issuer"),
      audience: list("audience"),
      clockTolerance: Duration.toSeconds(skew),
      requiredClaims: ["exp"],
      ...(type === undefined ? {} : { typ: type })
    }
  }
}

const finderOf = <E>(keys: VerifierOptions<E>["keys"], checkSecret: (length: number) => void): Checked<E>["find"] => {
  if (Redacted.isRedacted(keys)) {
    const secret = Redacted.value(keys)
    checkSecret(secret.length)
    return () => Effect.succeed([secret])
  }
  if ("find" in keys) return (header) => keys.find(header)
  return (header) => Effect.succeed(keysFor(keys.keys, header))
}

interface Header {
  readonly alg: string
  readonly kid: string | undefined
}

/** The header of a token, or the reason why it is refused before any key is looked for. */
const headerOf = (token: string, algorithms: ReadonlyArray<string>): Header | string => {
  const parsed = Result.try((): unknown => JSON.parse(textOf(token.slice(0, Math.max(0, token.indexOf("."))))))
  const header = Result.isSuccess(parsed) ? parsed.success : undefined
  if (typeof header !== "object" || header === null) return "The token is malformed"
  const { alg, crit, kid } = header as Readonly<Record<string, unknown>>
  if (typeof alg !== "string" || !algorithms.includes(alg)) return "The algorithm of the token is not accepted"
  if (crit !== undefined) return "The token needs an unknown extension"
  if (kid !== undefined && typeof kid !== "string") return "The token is malformed"
  return { alg, kid }
}

const textOf = (part: string): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(
    Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0))
  )

const invalid = (description: string) =>
  Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential", description } }))

const load = loadPeer(() => import("jose"), { entry: "Jwt.verifier", install: "jose@6.2" })

const verifyBy = <E>(
  { algorithms, claims }: Checked<E>,
  keys: ReadonlyArray<JsonWebKey | Uint8Array>,
  token: string
): Effect.Effect<Claims, AuthenticationError> =>
  Effect.gen(function* () {
    const { jwtVerify } = yield* load
    const currentDate = new Date(yield* Clock.currentTimeMillis)
    let description = "No key fits the token"
    for (const key of keys) {
      const verified = yield* Effect.result(
        Effect.tryPromise(() =>
          jwtVerify(token, key as Uint8Array, { ...claims, algorithms: [...algorithms], currentDate })
        )
      )
      // `jose` has checked that these claims are there, and of their types.
      if (Result.isSuccess(verified)) return verified.success.payload as unknown as Claims
      description = describe(verified.failure.cause)
      // Only a signature may be that of another key.
      if (description !== wrongSignature) break
    }
    return yield* invalid(description)
  })

const wrongSignature = "The signature of the token does not fit"

const describe = (error: unknown): string => {
  const { claim, code } = error as { readonly claim?: unknown; readonly code?: unknown }
  if (code === "ERR_JWT_EXPIRED") return "The token has expired"
  if (code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") return wrongSignature
  if (code !== "ERR_JWT_CLAIM_VALIDATION_FAILED") return "The token is malformed, or its key does not fit"
  return claim === "nbf" ? "The token is not valid yet" : `The token's ${String(claim)} is not accepted`
}
