/**
 * The computations of RFC 7616 as functions: which challenge to answer, whether to, and the answer.
 *
 * @since 0.1.0
 */
import * as DigestHash from "effect/crypto/Digest"
import * as Effect from "effect/Effect"

import { quote } from "../../core/heads/Challenges.ts"
import type { Challenge } from "../../core/heads/Challenges.ts"
import { trimBlanks } from "../../core/heads/FieldValues.ts"
import type { Request } from "../Decision.ts"
import { sha512t256Hex } from "./Sha512t256.ts"

/**
 * A Digest challenge that can be answered.
 *
 * @category models
 * @since 0.1.0
 */
export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  /** As the server wrote it, to be sent back; `undefined` when it wrote none, which means MD5. */
  readonly algorithm: string | undefined
  readonly hash: DigestHash.Algorithm | "SHA-512-256"
  /** Whether the algorithm ends in `-sess`. */
  readonly session: boolean
  /** The qualities of protection that it offers; none for servers of RFC 2069. */
  readonly qop: ReadonlyArray<"auth" | "auth-int">
  readonly opaque: string | undefined
  readonly stale: boolean
  readonly userhash: boolean
}

/** A stored challenge, with the client's own nonce and how often both were used. */
export interface Session {
  readonly challenge: DigestChallenge
  readonly cnonce: string
  uses: number
}

const hashes = { md5: DigestHash.md5, "sha-256": DigestHash.sha256, "sha-512-256": "SHA-512-256" } as const

const readChallenge = ({ parameters, scheme }: Challenge): DigestChallenge | undefined => {
  const realm = parameters.get("realm")
  const nonce = parameters.get("nonce")
  const algorithm = parameters.get("algorithm")
  const [, base, session] = /^(sha-512-256|sha-256|md5)(-sess)?$/i.exec(algorithm ?? "MD5") ?? []
  if (scheme !== "digest" || realm === undefined || nonce === undefined || base === undefined) return undefined
  const offered = parameters.get("qop")?.toLowerCase().split(",").map(trimBlanks)
  const qop = (["auth", "auth-int"] as const).filter((option) => offered?.includes(option))
  // A server that demands only what nobody here knows cannot be answered.
  if (offered !== undefined && qop.length === 0) return undefined
  return {
    realm,
    nonce,
    algorithm,
    hash: hashes[base.toLowerCase() as keyof typeof hashes],
    session: session !== undefined,
    qop,
    opaque: parameters.get("opaque"),
    stale: parameters.get("stale")?.toLowerCase() === "true",
    userhash: parameters.get("userhash")?.toLowerCase() === "true"
  }
}

/** The challenge to answer: the first with SHA-256 or SHA-512-256, in the server's order (RFC 7616 §3.7), else the first with MD5 unless `md5: false`. */
export const chooseDigest = (challenges: ReadonlyArray<Challenge>, md5: boolean): DigestChallenge | undefined => {
  const readable = challenges.flatMap((challenge) => readChallenge(challenge) ?? [])
  const strong = readable.find(({ hash }) => hash !== DigestHash.md5)
  return strong ?? (md5 ? readable[0] : undefined)
}

/** Whether to answer: once, and once more when the server says that only the nonce had become stale. */
export const shouldAnswer = (challenge: DigestChallenge, answered: number, sent: string | undefined): boolean =>
  answered === 0 || (answered === 1 && challenge.stale && challenge.nonce !== sent)

/** The protection that fits the body; nothing when the challenge demands the hash of a body that cannot be hashed. */
const protectionOf = (challenge: DigestChallenge, { body }: Request): "auth" | "auth-int" | "none" | undefined => {
  if (challenge.qop.length === 0) return "none"
  if (challenge.qop.includes("auth")) return "auth"
  return body._tag === "Empty" || body._tag === "Uint8Array" ? "auth-int" : undefined
}

const encoder = new TextEncoder()

// RFC 8187: a name beyond printable ASCII goes in the extended form.
const userName = (username: string): string =>
  /^[\x20-\x7e]*$/.test(username)
    ? `username=${quote(username)}`
    : `username*=UTF-8''${encodeURIComponent(username).replaceAll(/['()*]/g, (at) => `%${at.charCodeAt(0).toString(16).toUpperCase()}`)}`

/** The credentials for an answer. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** The value of the `Authorization` header (§3.4), or nothing when the body cannot be hashed as the challenge demands. `uses` counts from 1. */
export const digestAnswer = (
  { challenge, cnonce }: Pick<Session, "challenge" | "cnonce">,
  uses: number,
  { password, username }: Credentials,
  request: Request,
  url: URL
): Effect.Effect<string | undefined, never, DigestHash.Digest> =>
  Effect.gen(function* () {
    const { algorithm, nonce, opaque, realm, session, userhash } = challenge
    const protection = protectionOf(challenge, request)
    if (protection === undefined) return undefined
    const digest = yield* DigestHash.Digest
    const { hash } = challenge
    const bytes = (data: Uint8Array) =>
      hash === "SHA-512-256" ? Effect.sync(() => sha512t256Hex(data)) : digest.digestHex(hash, data)
    const h = (...parts: ReadonlyArray<string>) => bytes(encoder.encode(parts.join(":")))
    const uri = `${url.pathname}${url.search}`
    const nc = uses.toString(16).padStart(8, "0")
    const secret = yield* h(username, realm, password)
    const ha1 = session ? yield* h(secret, nonce, cnonce) : secret
    const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
    const ha2 =
      protection === "auth-int" ? yield* h(request.method, uri, yield* bytes(body)) : yield* h(request.method, uri)
    const response =
      protection === "none" ? yield* h(ha1, nonce, ha2) : yield* h(ha1, nonce, nc, cnonce, protection, ha2)
    const fields = [
      userhash ? `username="${yield* h(username, realm)}"` : userName(username),
      `realm=${quote(realm)}`,
      `uri="${uri}"`,
      ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
      `nonce=${quote(nonce)}`,
      ...(protection === "none" && !session ? [] : [`nc=${nc}`, `cnonce="${cnonce}"`]),
      ...(protection === "none" ? [] : [`qop=${protection}`]),
      `response="${response}"`,
      ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
      ...(userhash ? ["userhash=true"] : [])
    ]
    return `Digest ${fields.join(", ")}`
  })
