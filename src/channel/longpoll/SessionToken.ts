/**
 * The signed token of a long-poll session: it names the session and the node, and cannot be made by a client. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"

/** The session of a token. */
export interface SessionName {
  readonly session: string
  /** The address of the mount that opened it: one that no other mount has, in this process or another. */
  readonly node: string
  readonly issuedMillis: number
}

const algorithm = { name: "HMAC", hash: "SHA-256" }

const encoder = new TextEncoder()

const bytesOf = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  const decoded = Result.getOrUndefined(Base64Url.decode(text))
  return decoded === undefined ? undefined : new Uint8Array(decoded)
}

const parse = (text: string): SessionName | undefined => {
  const [session, node, issued, ...rest] = text.split(".")
  const issuedMillis = Number(issued)
  return session === undefined || node === undefined || rest.length > 0 || !Number.isSafeInteger(issuedMillis)
    ? undefined
    : { session, node, issuedMillis }
}

/** The session that a token claims, whoever signed it. */
export const claimOf = (token: string): SessionName | undefined => {
  const [body = ""] = token.split(".", 1)
  const text = token.length > 1024 ? undefined : Result.getOrUndefined(Base64Url.decodeString(body))
  return text === undefined ? undefined : parse(text)
}

/** Signs and verifies tokens by one secret. */
export class SessionTokens {
  private readonly key: Promise<CryptoKey>
  private readonly maxAgeMillis: number

  constructor(secret: Uint8Array, maxAgeMillis: number) {
    const { subtle } = globalThis.crypto
    this.key = subtle.importKey("raw", new Uint8Array(secret), algorithm, false, ["sign", "verify"])
    this.maxAgeMillis = maxAgeMillis
  }

  sign({ issuedMillis, node, session }: SessionName): Effect.Effect<string> {
    return Effect.promise(async () => {
      const text = `${session}.${node}.${issuedMillis}`
      const signature = await globalThis.crypto.subtle.sign(algorithm, await this.key, encoder.encode(text))
      return `${Base64Url.encode(text)}.${Base64Url.encode(new Uint8Array(signature))}`
    })
  }

  /** The session that a token names; nothing for a forged, changed or expired token. */
  verify(token: string, nowMillis: number): Effect.Effect<SessionName | undefined> {
    return Effect.promise(async () => {
      const [body, signature, ...rest] = token.split(".")
      if (body === undefined || signature === undefined || rest.length > 0 || token.length > 1024) return undefined
      const [text, signed] = [Result.getOrUndefined(Base64Url.decodeString(body)), bytesOf(signature)]
      if (text === undefined || signed === undefined) return undefined
      const { subtle } = globalThis.crypto
      if (!(await subtle.verify(algorithm, await this.key, signed, encoder.encode(text)))) return undefined
      const name = parse(text)
      return name === undefined || name.issuedMillis + this.maxAgeMillis <= nowMillis ? undefined : name
    })
  }
}
