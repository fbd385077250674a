/**
 * Headers that a response gets where it does not have them. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { Response } from "./HttpTypes.ts"

/** A copy of the response with a copy of its headers, to write several headers to: `HttpServerResponse.setHeaders` copies all headers three times. */
export const copyOf = (response: Response): Response => {
  const copy: Response = Object.assign(Object.create(Object.getPrototypeOf(response) as object), response)
  const headers = Object.assign(Object.create(Object.getPrototypeOf(response.headers) as object), response.headers)
  return Object.assign(copy, { headers })
}

/** Sets the headers, by lower-case name, that the response does not have. */
export const setMissingHeaders = (response: Response, headers: Readonly<Record<string, string>>): Response => {
  let copy: Response | undefined
  for (const name in headers) {
    if (response.headers[name] !== undefined) continue
    copy ??= copyOf(response)
    const written = copy.headers as Record<string, string>
    written[name] = headers[name]!
  }
  return copy ?? response
}

/** Adds field names to `Vary` (RFC 9110 §12.5.5), unless they are there. */
export const addVary = (response: Response, names: ReadonlyArray<string>): Response => {
  const present = response.headers["vary"] ?? ""
  const listed = new Set(present.split(",").map((name) => name.trim().toLowerCase()))
  if (listed.has("*")) return response
  const missing = names.filter((name) => !listed.has(name.toLowerCase()))
  if (missing.length === 0) return response
  return HttpServerResponse.setHeader(response, "vary", [present, ...missing].filter((part) => part !== "").join(", "))
}
