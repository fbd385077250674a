/**
 * Field values of HTTP messages from outside (RFC 9110 §5.5, §5.6). Every function here takes time linear in the length of the text.
 *
 * @since 0.1.0
 */

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/** The text without optional white space (spaces and tabs, RFC 9110 §5.6.3) at its two ends. */
export const trimBlanks = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

const encoder = new TextEncoder()

/**
 * The octets that a header value had on the wire. Transports decode a field one octet to one character, so a text without a character beyond U+00FF counts its
 * characters; any other text counts as UTF-8.
 */
export const octetCount = (text: string): number => {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0xff) return encoder.encode(text).length
  return text.length
}

/** The text of a field that carries UTF-8, when its octets are UTF-8; else the field as it came. */
export const utf8Text = (value: string): string => {
  let isBeyondAscii = false
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code > 0xff) return value
    if (code > 0x7f) isBeyondAscii = true
  }
  if (!isBeyondAscii) return value
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(value, (character) => character.charCodeAt(0))
    )
  } catch {
    return value
  }
}

/** The value of a field that may appear once (RFC 9110 §5.3): equal lines count as one value, different lines as no value. */
export const singleValue = (lines: ReadonlyArray<string>): string | undefined => {
  const [first, ...others] = lines.map(trimBlanks)
  return others.every((other) => other === first) ? first : undefined
}

/** The elements of a comma-separated list without empty ones (RFC 9110 §5.6.1). It reads no quotes: for lists of tokens only. */
export const tokenList = (value: string): ReadonlyArray<string> =>
  value.split(",").flatMap((element) => {
    const token = trimBlanks(element)
    return token === "" ? [] : [token]
  })

/** A count in decimal digits (RFC 9110 §8.6); `undefined` for any other text. */
export const digits = (value: string): number | undefined => {
  const text = trimBlanks(value)
  if (text === "") return undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return undefined
  }
  return Number(text)
}
