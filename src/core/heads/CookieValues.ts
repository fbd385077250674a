/**
 * The values of a cookie in a `Cookie` field (RFC 6265 §5.4), as they came.
 *
 * @since 0.1.0
 */
import { trimBlanks } from "./FieldValues.ts"

/**
 * The values of the cookies called `name`, in order, at most `max`. There may be several: one for each path and domain, and a neighbouring subdomain can add one.
 */
export const cookieValues = (field: string | undefined, name: string, max = 8): ReadonlyArray<string> => {
  const values: Array<string> = []
  if (field === undefined) return values
  for (let at = 0; at < field.length && values.length < max;) {
    const end = field.indexOf(";", at)
    const pair = field.slice(at, end === -1 ? field.length : end)
    const equals = pair.indexOf("=")
    if (equals !== -1 && trimBlanks(pair.slice(0, equals)) === name) {
      const value = trimBlanks(pair.slice(equals + 1))
      values.push(value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value)
    }
    if (end === -1) break
    at = end + 1
  }
  return values
}
