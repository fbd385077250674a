/**
 * Which headers, parameters and members hold secrets, judged by their names: one list for logs, cassettes and redirects.
 *
 * 1. A name is a secret's when it contains `token`, `secret`, `passw`, `signature`, `assertion`, `credential`, `jwt`, `dpop`, `csrf` or `session`, in any spelling
 *    (`accessToken`, `X-CSRF-Token`), when one of its words is `auth` or a form of it, or when it ends in a word for a key, as `api-key` does.
 * 2. `code` is secret in queries and forms, where OAuth sends its codes. A JSON member `code` is usually an error's and stays.
 * 3. A name that only describes a secret stays: `token_type`, `password_policy`, `max_tokens`, `www-authenticate`.
 *
 * @since 0.1.0
 */

import { remembered } from "./Remembered.ts"

/** Where a name was found. */
export type NamePlace = "header" | "query" | "form" | "json"

/** Changes of the built-in list. */
export interface SecretNameOptions {
  /** Names that hold a secret in addition. */
  readonly add?: ReadonlyArray<string | RegExp>
  /** Names that hold no secret although they look so. */
  readonly keep?: ReadonlyArray<string>
}

/** No name of a field is longer, and a longer one is judged by its beginning. */
const maxNameChars = 256

/** The words of a name in lower case: `X-Api-Key`, `apiKey` and `api_key` have the same. */
const wordsOf = (name: string): ReadonlyArray<string> =>
  name
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "")

const anywhere =
  /token|secret|passw|passphrase|signature|assertion|credential|jwt|dpop|csrf|xsrf|session|phpsessid|jsessionid/
const ofAuth = /^x?o?auth(?:n|z|2|orization|code|key|data|info|header|value|user)?\d?$/
const alone = new Set(["pwd", "pass", "sig", "hmac", "otp", "totp", "pin", "sid", "cookie", "cookies"])
const keys =
  /(?:api|access|private|secret|shared|master|account|storage|function|functions|subscription|license|encryption|signing|service|tenant|app|application|client|admin|host)\d?keys?(?:id)?$/
const codes =
  /^(?:code|(?:auth|authorization|device|user|verification|confirmation|security|otp|sms|mfa|totp|recovery|pairing|reset|login|access|magic)code|codeverifier)$/

/** Last words of names that say something about a secret. */
const describing = new Set(
  (
    "algorithm algorithms allowed count counts endpoint endpoints enabled expired expires expiration expiry in issuer length lifetime limit max method methods min name " +
    "names policy required size status supported timeout ttl type types uri url urls version valid"
  ).split(" ")
)

/** Names that the patterns match, and that hold no secret. */
const harmless = new Set([
  "authentication-info",
  "content-security-policy",
  "idempotency-key",
  "proxy-authenticate",
  "proxy-authentication-info",
  "sec-websocket-accept",
  "signature-input",
  "www-authenticate"
])

const counted = new Set(
  "cached completion input limit max min output prompt ratelimit reasoning remaining reset total usage used".split(" ")
)

const isCount = (words: ReadonlyArray<string>): boolean =>
  words.includes("tokens") && words.some((word) => counted.has(word))

const judge = (start: string, place: NamePlace): boolean => {
  if (harmless.has(start.toLowerCase())) return false
  const words = wordsOf(start)
  const last = words.at(-1)
  if (last === undefined || (words.length > 1 && describing.has(last)) || isCount(words)) return false
  const squeezed = words.join("")
  if (anywhere.test(squeezed) || keys.test(squeezed)) return true
  if (words.some((word) => ofAuth.test(word) || alone.has(word))) return true
  if (place === "header") return last === "key" && words.length > 1 && words[0] !== "sec"
  return (place === "query" || place === "form") && (codes.test(squeezed) || squeezed === "key")
}

// A client has few names, and each call asks for them several times.
const judgements: Readonly<Record<NamePlace, (start: string) => boolean>> = {
  header: remembered(1000, (start) => judge(start, "header")),
  query: remembered(1000, (start) => judge(start, "query")),
  form: remembered(1000, (start) => judge(start, "form")),
  json: remembered(1000, (start) => judge(start, "json"))
}

const isBuiltIn = (name: string, place: NamePlace): boolean => judgements[place](name.slice(0, maxNameChars))

/** Finds secret names, those of the caller too. */
export const secretNames = ({ add = [], keep = [] }: SecretNameOptions = {}): ((
  name: string,
  place: NamePlace
) => boolean) => {
  const kept = new Set(keep.map((name) => name.toLowerCase()))
  const texts = new Set(add.flatMap((name) => (typeof name === "string" ? [name.toLowerCase()] : [])))
  const patterns = add.filter((name) => typeof name !== "string")
  return (name, place) => {
    const lower = name.toLowerCase()
    if (texts.has(lower) || patterns.some((pattern) => name.search(pattern) !== -1)) return true
    return !kept.has(lower) && isBuiltIn(name, place)
  }
}

/** Whether a name is a secret's by the built-in list. */
export const isSecretName: (name: string, place: NamePlace) => boolean = secretNames()
