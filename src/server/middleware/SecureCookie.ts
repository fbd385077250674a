/**
 * Cookies that a client can neither forge nor, when sealed, read.
 *
 * **Example** (A sealed cookie)
 *
 * ```ts
 * import { Effect, Option, Redacted } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { secureCookie } from "fairlead/server/middleware"
 *
 * const language = secureCookie("language", { secrets: [Redacted.make("at least 32 characters of secret text")] })
 *
 * const app = Pipeline.make("app").handle(
 *   Effect.gen(function* () {
 *     const known = yield* language.read
 *     if (Option.isNone(known)) yield* language.write("en")
 *     return HttpServerResponse.text(Option.getOrElse(known, () => "en"))
 *   })
 * ).respond()
 * ```
 *
 * **Rules**
 *
 * 1. `sealed` encrypts with AES-256-GCM, `signed` shows the value and adds an HMAC-SHA-256. The keys come from the secrets by HKDF (RFC 5869), one for each mode.
 * 2. The MAC covers the name of the cookie and the time it was made: a value is refused under another name, and after `maxAge`, however long the browser keeps it.
 * 3. The first secret writes, all of them read. To rotate, put a new secret first, and remove the old one after `maxAge`.
 * 4. A forged, outdated or damaged cookie reads as `None`. Of several cookies with the name the first good one counts.
 * 5. `write` and `remove` change the response that leaves, whoever makes it: an error's too.
 * 6. The names `__Host-` and `__Secure-` demand their attributes (RFC 6265bis §4.1.3): a contradiction throws `InvalidOption`.
 *
 * **Limits**
 *
 * A cookie of more than 4096 bytes with its name fails with `CookieTooLarge`, since browsers drop it in silence.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { cookieValues } from "../../core/heads/CookieValues.ts"
import { checkOptions } from "../../core/Options.ts"
import type { Response } from "../HttpTypes.ts"
import type { CookieAttributes } from "./CookieAttributes.ts"
import { cookieWriter } from "./CookieWriter.ts"

/**
 * A cookie would be larger than browsers keep.
 *
 * @category errors
 * @since 0.1.0
 */
export class CookieTooLarge extends Schema.TaggedError<CookieTooLarge>("fairlead/server/middleware/CookieTooLarge")(
  "CookieTooLarge",
  { name: Schema.String, bytes: Schema.Number, maxBytes: Schema.Number }
) {
  override get message(): string {
    return `The cookie "${this.name}" would have ${this.bytes} bytes, more than the ${this.maxBytes} that browsers keep: store less, or use a session`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(HttpServerResponse.empty({ status: 500 }))
  }
}

/**
 * Options of `secureCookie`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SecureCookieOptions extends CookieAttributes {
  /** Secrets of at least 32 characters each: the first writes, all read. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Whether the client cannot read the value (`sealed`), or can (`signed`). Default: `sealed`. */
  readonly mode?: "sealed" | "signed" | undefined
  /** How long a written cookie is good, also on the server. Default: 30 days. */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * A cookie whose value is authenticated.
 *
 * @category models
 * @since 0.1.0
 */
export interface SecureCookie {
  /** The name of the cookie. */
  readonly name: string
  /** The value that the request has, if it is good. */
  readonly read: Effect.Effect<Option.Option<string>, never, HttpServerRequest.HttpServerRequest>
  /** Sets the cookie on the response. */
  readonly write: (value: string) => Effect.Effect<void, CookieTooLarge, HttpServerRequest.HttpServerRequest>
  /** Expires the cookie on the response. */
  readonly remove: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest>
}

const maxBytes = 4096
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

type Bytes = Uint8Array<ArrayBuffer>

const bytesOf = (text: string): Bytes => encoder.encode(text)

const fromBase64 = (text: string): Bytes | undefined =>
  /^[\w-]*$/.test(text) ? (Result.getOrUndefined(Base64Url.decode(text)) as Bytes | undefined) : undefined

/** One secret's key, derived once. */
const keyOf = (secret: Redacted.Redacted, mode: "sealed" | "signed") => {
  let derived: Promise<CryptoKey> | undefined
  const derive = async (): Promise<CryptoKey> => {
    const { subtle } = globalThis.crypto
    const material = await subtle.importKey("raw", bytesOf(Redacted.value(secret)), "HKDF", false, ["deriveKey"])
    const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: bytesOf(`fairlead/cookie/${mode}`) }
    return mode === "sealed"
      ? subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])
      : subtle.deriveKey(hkdf, material, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign", "verify"])
  }
  return () => (derived ??= derive())
}

interface Scheme {
  readonly close: (value: string, made: number) => Promise<string>
  /** The value, or nothing for a forged one. It throws for a damaged one. */
  readonly open: (
    text: string,
    key: CryptoKey
  ) => Promise<{ readonly value: string; readonly made: number } | undefined>
}

/** What is authenticated beside the value. */
const bound = (name: string, made: string): Bytes => bytesOf(`${name.length}:${name}:${made}`)

const signed = (name: string, key: () => Promise<CryptoKey>): Scheme => ({
  close: async (value, made) => {
    const payload = `${Base64Url.encode(value)}.${made.toString(36)}`
    const mac = await globalThis.crypto.subtle.sign("HMAC", await key(), macInput(name, payload))
    return `${payload}.${Base64Url.encode(new Uint8Array(mac))}`
  },
  open: async (text, key) => {
    const at = text.lastIndexOf(".")
    const payload = text.slice(0, Math.max(0, at))
    const mac = fromBase64(text.slice(at + 1))
    // WebCrypto compares in constant time.
    if (mac === undefined || !(await globalThis.crypto.subtle.verify("HMAC", key, mac, macInput(name, payload)))) {
      return undefined
    }
    const [value = "", made = ""] = payload.split(".")
    return { value: decoder.decode(fromBase64(value)), made: Number.parseInt(made, 36) }
  }
})

const macInput = (name: string, payload: string): Bytes => bytesOf(`${name.length}:${name}:${payload}`)

const sealed = (name: string, key: () => Promise<CryptoKey>): Scheme => ({
  close: async (value, made) => {
    const iv = globalThis.crypto.getRandomValues(new Uint8Array(12))
    const time = made.toString(36)
    const algorithm = { name: "AES-GCM", iv, additionalData: bound(name, time) }
    const box = new Uint8Array(await globalThis.crypto.subtle.encrypt(algorithm, await key(), bytesOf(value)))
    return `${time}.${Base64Url.encode(iv)}${Base64Url.encode(box)}`
  },
  open: async (text, key) => {
    const at = text.indexOf(".")
    const time = text.slice(0, Math.max(0, at))
    // Twelve bytes are sixteen characters.
    const iv = fromBase64(text.slice(at + 1, at + 17))
    const box = fromBase64(text.slice(at + 17))
    if (iv === undefined || box === undefined || iv.length !== 12) return undefined
    const algorithm = { name: "AES-GCM", iv, additionalData: bound(name, time) }
    const value = await globalThis.crypto.subtle.decrypt(algorithm, key, box)
    return { value: decoder.decode(value), made: Number.parseInt(time, 36) }
  }
})

/**
 * A cookie that a client can neither forge nor, when sealed, read.
 *
 * @category cookies
 * @since 0.1.0
 */
export const secureCookie = (name: string, options: SecureCookieOptions): SecureCookie => {
  const check = checkOptions("secureCookie")
  const writer = cookieWriter(check, name, options)
  const mode = check.oneOf("mode", options.mode ?? "sealed", ["sealed", "signed"])
  const maxAge = check.duration("maxAge", options.maxAge ?? "30 days")
  const keys = options.secrets.map((secret) => {
    if (Redacted.value(secret).length < 32)
      throw check.invalid("secrets", "one is too short: use 32 characters or more")
    return keyOf(secret, mode)
  })
  const [first] = keys
  if (first === undefined) throw check.invalid("secrets", "it is empty: use at least one secret")
  const scheme = (mode === "sealed" ? sealed : signed)(name, first)

  /** The value of a text that one of the keys opens, while it is good. */
  const open = async (text: string, now: number): Promise<string | undefined> => {
    for (const key of keys) {
      const opened = await scheme.open(text, await key()).catch(() => undefined)
      if (opened === undefined) continue
      const age = now - opened.made
      return age >= 0 && age <= Duration.toSeconds(maxAge) ? opened.value : undefined
    }
    return undefined
  }

  const seconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
  const onResponse = (change: (response: Response) => Response) =>
    HttpEffect.appendPreResponseHandler((_, response) => Effect.succeed(change(response)))

  return {
    name,
    read: Effect.gen(function* () {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const now = yield* seconds
      for (const text of cookieValues(headers["cookie"], name)) {
        const value = yield* Effect.promise(() => open(text, now))
        if (value !== undefined) return Option.some(value)
      }
      return Option.none()
    }),
    write: (value) =>
      Effect.gen(function* () {
        const now = yield* seconds
        const text = yield* Effect.promise(() => scheme.close(value, now))
        const bytes = name.length + text.length + 1
        return bytes > maxBytes
          ? yield* new CookieTooLarge({ name, bytes, maxBytes })
          : yield* onResponse((response) => writer.set(response, text, maxAge))
      }),
    remove: onResponse(writer.expire)
  }
}
