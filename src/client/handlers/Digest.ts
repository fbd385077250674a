/**
 * Digest authentication by RFC 7616: answers the challenge of a 401, and then authenticates later requests before they are challenged.
 *
 * 1. SHA-256 and SHA-512-256 are answered first, at any position among the challenges; MD5 only when nothing better is offered, and not at all with `md5: false`. `-sess`,
 *    `auth`, `auth-int`, `userhash` and names beyond ASCII are handled.
 * 2. A nonce is used again with a counter that grows by one for each request, concurrent ones too; `nextnonce` takes its place.
 * 3. A refused answer is final: only `stale=true` with another nonce is answered once more. The 401 then goes to the caller.
 * 4. A request whose body cannot be sent again is not repeated: the caller sees the 401, and the next request is authenticated from the start.
 * 5. Challenges from a handler declared earlier are not answered.
 * 6. The credentials are for the listed origins only, and an `Authorization` header of the caller stays.
 *
 * Order: inside of redirect, retry and cache; nothing inside of it may change method, URL or, for `auth-int`, body. Where it works: any `HttpClient`. It needs
 * `Digest` and `SecureRandom` of `effect/crypto`, whose `layerWebCrypto` run everywhere.
 *
 * @since 0.1.0
 */
import type { Digest } from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"

import { parseChallenges } from "../../core/heads/Challenges.ts"
import { nameOr } from "../../core/Options.ts"
import { canReplay } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { certainFollowUp } from "../Decision.ts"
import { chooseDigest, digestAnswer, shouldAnswer } from "./DigestAnswer.ts"
import type { DigestChallenge, Session } from "./DigestAnswer.ts"
import { boundTo, isFrom } from "./Origins.ts"

/**
 * Options of `digest`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DigestOptions {
  /** The handler's name. Default: `digest`. */
  readonly name?: string
  /** The origins that the credentials are for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  readonly username: string
  readonly password: Redacted.Redacted
  /** Whether MD5 is answered when nothing better is offered. Default: true. */
  readonly md5?: boolean
}

/** The session whose answer went with a request, if one did. */
interface Sent {
  readonly session: Session | undefined
}

const unanswered = ClientHandler.proceedWith<Sent>({ session: undefined })

/**
 * Authenticates by Digest.
 *
 * **Example** (A camera)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { HttpClient } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { digest } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("camera").use(
 *   digest({ origins: ["https://camera.example.com"], username: "ada", password: Redacted.make("s3cret") })
 * )
 *
 * // Needs HttpClient, Digest and SecureRandom.
 * const picture = Effect.gen(function* () {
 *   const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
 *   return yield* (yield* client.get("https://camera.example.com/picture")).arrayBuffer
 * })
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const digest = ({
  md5 = true,
  name,
  origins,
  password,
  username
}: DigestOptions): ClientHandler.ClientHandler<never, Digest | SecureRandom.SecureRandom> => {
  const named = nameOr("digest", name)
  const bound = boundTo(named, origins)
  const answers = ClientHandler.cell(`${named} answers`, () => 0)

  const open = (challenge: DigestChallenge): Effect.Effect<Session, never, SecureRandom.SecureRandom> =>
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      return { challenge, cnonce: Hex.encode(yield* random.randomBytes(16)), uses: 0 }
    })

  return ClientHandler.make(named, () => {
    const sessions = new Map<string, Session>()
    return {
      run: ({ request }) =>
        Effect.gen(function* () {
          const url = bound(request)
          if (url === undefined) return ClientHandler.proceed()
          const session = sessions.get(url.origin)
          if (session === undefined) return unanswered
          // Counted before the hashing lets other fibers in: two requests must not share a count.
          const uses = ++session.uses
          const credentials = { username, password: Redacted.value(password) }
          const header = yield* digestAnswer(session, uses, credentials, request, url)
          return header === undefined
            ? unanswered
            : ClientHandler.proceedWith<Sent>(
                { session },
                HttpClientRequest.setHeader(request, "authorization", header)
              )
        }),
      afterResponse: (outcome, exchange, state) =>
        Effect.gen(function* () {
          const url = bound(exchange.request)
          // A challenge that a handler declared earlier answers with has been seen here already, or never was for this exchange.
          if (outcome._tag === "Failure" || state._tag === "None" || url === undefined) return undefined
          if (!isFrom(outcome.response, url)) return undefined
          const { headers, status } = outcome.response
          const sent = state.value.session
          if (status !== 401) {
            const next = parseChallenges(`Info ${headers["authentication-info"] ?? ""}`)[0]?.parameters.get("nextnonce")
            // Only the session that was answered is moved on: a concurrent request may have opened a newer one.
            if (next !== undefined && sent !== undefined && sessions.get(url.origin) === sent) {
              sessions.set(url.origin, yield* open({ ...sent.challenge, nonce: next }))
            }
            return undefined
          }
          const challenge = chooseDigest(parseChallenges(headers["www-authenticate"] ?? ""), md5)
          if (challenge === undefined) return undefined
          const answered = exchange.get(answers)
          if (!shouldAnswer(challenge, answered, sent?.challenge.nonce)) {
            sessions.delete(url.origin)
            return undefined
          }
          sessions.set(url.origin, yield* open(challenge))
          if (!canReplay(exchange.original)) return undefined
          exchange.set(answers, answered + 1)
          return certainFollowUp(exchange.original, "digest challenge", false)
        })
    }
  })
}
