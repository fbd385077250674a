/**
 * Header values from text of any language: a header is Latin-1 on the wire, so that other letters are encoded as their standard says.
 *
 * **Example** (A download and a redirect)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { HeaderValue } from "fairlead/server"
 *
 * const download = HttpServerResponse.text("…", {
 *   headers: { "content-disposition": HeaderValue.contentDisposition("attachment", "Łódź.txt") }
 * })
 * const moved = HttpServerResponse.redirect(HeaderValue.location("/Łódź"))
 * ```
 *
 * @since 0.1.0
 */

const encode = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, "\ufffd"))

/**
 * A URL or a path for `Location` (RFC 3986): letters outside of ASCII, spaces and control characters are percent-encoded; existing escapes stay.
 *
 * @category constructors
 * @since 0.1.0
 */
export const location = (url: string | URL): string => String(url).replaceAll(/[^\x21-\x7e]+/g, encode)

/**
 * The value of `Content-Disposition` (RFC 6266): the name of the file in quotes, and for letters outside of ASCII in `filename*` (RFC 8187) too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const contentDisposition = (type: "attachment" | "inline", filename?: string): string => {
  if (filename === undefined) return type
  const fallback = filename.replaceAll(/[^\x20-\x7e]/gu, "?").replaceAll(/["\\]/g, String.raw`\$&`)
  const plain = `${type}; filename="${fallback}"`
  // A percent sign in the plain form is decoded by some browsers.
  return /^[\x20-\x24\x26-\x7e]*$/.test(filename) ? plain : `${plain}; filename*=UTF-8''${extended(filename)}`
}

// RFC 8187 §3.2.1 allows fewer characters than encodeURIComponent leaves.
const extended = (text: string): string =>
  encode(text).replaceAll(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * A kind of data that a browser can clear for the origin of a response; `*` is all of it.
 *
 * @category models
 * @since 0.1.0
 */
export type ClearedData =
  | "*"
  | "cache"
  | "clientHints"
  | "cookies"
  | "executionContexts"
  | "prefetchCache"
  | "prerenderCache"
  | "storage"

/**
 * The value of `Clear-Site-Data` (W3C Clear Site Data §3.1): the data that a browser deletes for the origin of the response, such as at a logout. Browsers read it over TLS only.
 *
 * **Example** (A logout)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { HeaderValue } from "fairlead/server"
 *
 * const loggedOut = HttpServerResponse.empty({
 *   headers: { "clear-site-data": HeaderValue.clearSiteData("cache", "cookies", "storage") }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const clearSiteData = (...data: readonly [ClearedData, ...Array<ClearedData>]): string =>
  Array.from(new Set(data), (name) => `"${name}"`).join(", ")
