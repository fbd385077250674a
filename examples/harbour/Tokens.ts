/**
 * Tokens: how a member shows who they are.
 *
 * A token is 32 random bytes. Harbour shows it once, when it is issued, and keeps only its SHA-256 digest: who reads
 * the database finds no token to post with.
 */
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { Base64Url } from "effect/encoding"

import type { Member, MemberName, NameTaken, StorageError } from "./Domain.ts"
import { Storage } from "./Storage.ts"

const size = 32
const pattern = /^hbr_[A-Za-z0-9_-]{43}$/

/** Issues tokens and finds the member of a token. */
export class Tokens extends Context.Service<
  Tokens,
  {
    /** Makes `name` a member and returns their only token. */
    readonly issue: (
      name: MemberName
    ) => Effect.Effect<{ readonly member: Member; readonly token: Redacted.Redacted }, NameTaken | StorageError>
    /** The member to whom `token` was issued, if it was. */
    readonly verify: (token: Redacted.Redacted) => Effect.Effect<Option.Option<Member>, StorageError>
  }
>()("harbour/Tokens") {
  /** Tokens of members kept in `Storage`. */
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const storage = yield* Storage
      const random = yield* SecureRandom.SecureRandom
      const digests = yield* Digest.Digest
      const digest = (token: string) => digests.digest(Digest.sha256, new TextEncoder().encode(token))
      return Tokens.of({
        issue: Effect.fnUntraced(function* (name) {
          const token = `hbr_${Base64Url.encode(yield* random.randomBytes(size))}`
          const member = yield* storage.register(name, yield* digest(token))
          return { member, token: Redacted.make(token) }
        }),
        verify: Effect.fnUntraced(function* (token) {
          const value = Redacted.value(token)
          return pattern.test(value) ? yield* storage.member(yield* digest(value)) : Option.none()
        })
      })
    })
  ).pipe(Layer.provide([SecureRandom.layerWebCrypto, Digest.layerWebCrypto]))
}
