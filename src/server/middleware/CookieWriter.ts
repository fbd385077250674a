/**
 * Sets and expires cookies whose name and attributes go together. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { OptionChecks } from "../../core/Options.ts"
import type { Response } from "../HttpTypes.ts"
import type { CookieAttributes } from "./CookieAttributes.ts"

/** Sets or expires one cookie. */
export interface CookieWriter {
  readonly name: string
  /** The response that sets the cookie; without `maxAge` it ends with the browser. */
  readonly set: (response: Response, value: string, maxAge?: Duration.Duration) => Response
  readonly expire: (response: Response) => Response
}

const token = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/

/** The writer of a cookie, whose name, prefix and attributes go together (RFC 6265bis §4.1.3). */
export const cookieWriter = (check: OptionChecks, name: string, attributes: CookieAttributes): CookieWriter => {
  const { domain, httpOnly = true, partitioned = false, path = "/", sameSite = "lax", secure = true } = attributes
  check.oneOf("sameSite", sameSite, ["strict", "lax", "none"])
  if (!token.test(name)) throw check.invalid("cookie", `"${name}" is no cookie name: use letters, digits, "-" and "_"`)
  if (!/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path)) throw check.invalid("path", `"${path}" is no path: begin it with "/"`)
  if (domain !== undefined && !/^[\da-z.-]+$/i.test(domain)) throw check.invalid("domain", `"${domain}" is no domain`)
  const lower = name.toLowerCase()
  if (lower.startsWith("__host-") && !(secure && path === "/" && domain === undefined)) {
    throw check.invalid("cookie", `"${name}" needs secure: true, path: "/" and no domain`)
  }
  if (lower.startsWith("__secure-") && !secure) throw check.invalid("cookie", `"${name}" needs secure: true`)
  if (sameSite === "none" && !secure) throw check.invalid("sameSite", `"none" needs secure: true`)
  if (partitioned && !secure) throw check.invalid("partitioned", "it needs secure: true")
  const options = {
    path,
    httpOnly,
    secure,
    sameSite,
    ...(domain === undefined ? {} : { domain }),
    ...(partitioned ? { partitioned } : {})
  }
  return {
    name,
    set: (response, value, maxAge) =>
      HttpServerResponse.setCookieUnsafe(
        response,
        name,
        value,
        maxAge === undefined ? options : { ...options, maxAge }
      ),
    expire: (response) => HttpServerResponse.expireCookieUnsafe(response, name, options)
  }
}
