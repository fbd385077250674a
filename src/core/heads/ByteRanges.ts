/**
 * Byte ranges: `Range` and `Content-Range` (RFC 9110 §14). Linear time.
 *
 * @since 0.1.0
 */
import { digits, trimBlanks } from "./FieldValues.ts"

/** Bytes from `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** A requested range before the length of the representation is known. */
export type RangeSpec =
  | { readonly _tag: "From"; readonly first: number; readonly last: number | undefined }
  | { readonly _tag: "Suffix"; readonly length: number }

const count = (text: string): number | undefined => {
  const value = digits(text)
  return value === undefined || !Number.isSafeInteger(value) ? undefined : value
}

/** Reads a `Range` of one byte range; `undefined` for several ranges, other units and invalid text. */
export const parseRange = (value: string): RangeSpec | undefined => {
  const text = trimBlanks(value)
  if (text.slice(0, 6).toLowerCase() !== "bytes=") return undefined
  const spec = trimBlanks(text.slice(6))
  const dash = spec.indexOf("-")
  if (dash === -1 || spec.includes(",")) return undefined
  const [before, after] = [spec.slice(0, dash), spec.slice(dash + 1)]
  if (before === "") {
    const length = count(after)
    return length === undefined ? undefined : { _tag: "Suffix", length }
  }
  const first = count(before)
  const last = after === "" ? undefined : count(after)
  if (first === undefined || (after !== "" && last === undefined) || (last !== undefined && last < first)) {
    return undefined
  }
  return { _tag: "From", first, last }
}

/** The bytes of a representation of `total` bytes that a range selects; `undefined` when it selects none. */
export const resolveRange = (range: RangeSpec, total: number): ByteRange | undefined => {
  if (range._tag === "Suffix") {
    return range.length === 0 || total === 0 ? undefined : { first: Math.max(0, total - range.length), last: total - 1 }
  }
  if (range.first >= total) return undefined
  return { first: range.first, last: Math.min(range.last ?? total - 1, total - 1) }
}

/** Reads the `Content-Range` of a 206 response; `undefined` for an unknown total length and for invalid text. */
export const parseContentRange = (value: string | undefined): (ByteRange & { readonly total: number }) | undefined => {
  if (value === undefined) return undefined
  const text = trimBlanks(value)
  if (text.slice(0, 6).toLowerCase() !== "bytes ") return undefined
  const [dash, slash] = [text.indexOf("-"), text.indexOf("/")]
  if (dash === -1 || slash < dash) return undefined
  const first = count(text.slice(6, dash))
  const last = count(text.slice(dash + 1, slash))
  const total = count(text.slice(slash + 1))
  if (first === undefined || last === undefined || total === undefined || last < first || last >= total) {
    return undefined
  }
  return { first, last, total }
}
