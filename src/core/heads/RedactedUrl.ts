/**
 * URLs as they may be shown: without user, password, and the values of secret parameters.
 *
 * @since 0.1.0
 */
import * as UrlParams from "effect/http/UrlParams"

import { isSecretName } from "./SecretNames.ts"

type IsSecret = (name: string) => boolean

const inQuery: IsSecret = (name) => isSecretName(name, "query")

/**
 * The URL without user information and without the values of secret parameters: those of the built-in list, of `isSecret`, and of Effect's
 * `UrlParams.CurrentRedactedNames` of the running fiber.
 */
export const redactUrl = (url: string, isSecret: IsSecret = inQuery): string => {
  const shown = UrlParams.redactUrl(url)
  const hashStart = shown.indexOf("#")
  const address = hashStart === -1 ? shown : shown.slice(0, hashStart)
  const queryStart = address.indexOf("?")
  const query = queryStart === -1 ? "" : redactForm(address.slice(queryStart + 1), isSecret)
  // OAuth's implicit grant sends its token in the fragment.
  const hash = hashStart === -1 ? "" : `#${redactForm(shown.slice(hashStart + 1), isSecret)}`
  return queryStart === -1 ? `${address}${hash}` : `${address.slice(0, queryStart + 1)}${query}${hash}`
}

/** The pairs of a query or of a form in a URL's encoding, without the values of secret names. */
export const redactForm = (pairs: string, isSecret: IsSecret, hidden = "REDACTED"): string =>
  pairs
    .split("&")
    .map((pair) => {
      const equals = pair.indexOf("=")
      return equals !== -1 && isSecret(decoded(pair.slice(0, equals))) ? `${pair.slice(0, equals + 1)}${hidden}` : pair
    })
    .join("&")

const decoded = (name: string): string => {
  if (!/[%+]/.test(name)) return name
  try {
    return decodeURIComponent(name.replaceAll("+", " "))
  } catch {
    return name
  }
}
