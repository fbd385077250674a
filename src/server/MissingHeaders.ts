/**
 * Headers that a response gets where it does not have them. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { Response } from "./HttpTypes.ts"

/** Sets the headers, by lower-case name, that the response does not have. */
export const setMissingHeaders = (response: Response, headers: Readonly<Record<string, string>>): Response => {
  const missing = Object.entries(headers).filter(([name]) => response.headers[name] === undefined)
  return missing.length === 0 ? response : HttpServerResponse.setHeaders(response, missing)
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
