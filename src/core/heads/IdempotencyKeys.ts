/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): read and written by both ends, in linear time.
 *
 * @since 0.1.0
 */
import { trimBlanks } from "./FieldValues.ts"

const longest = 255

/** The key of a field: a string of a structured field, or, as many clients send it, the bare text. `undefined` for a malformed one. */
export const parseIdempotencyKey = (field: string): string | undefined => {
  const text = trimBlanks(field)
  if (text.length > longest * 2) return undefined
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)?.[1]
  const key = quoted === undefined ? (/^[\w.~:+/=@-]+$/.test(text) ? text : "") : quoted.replaceAll(/\\(["\\])/g, "$1")
  return key === "" || key.length > longest ? undefined : key
}

/** The field of a key of printable ASCII. */
export const formatIdempotencyKey = (key: string): string => `"${key.replaceAll(/["\\]/g, "\\$&")}"`
