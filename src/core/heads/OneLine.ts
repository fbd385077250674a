/**
 * Text from outside as a part of one line of a log.
 *
 * @since 0.1.0
 */

/** Escapes the characters by which a client could forge a line of a log: control characters and the line separators of Unicode. */
export const inOneLine = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** The same within the quotes of a log format, where quotes and backslashes are escaped too. */
export const inQuotes = (text: string): string => inOneLine(text.replaceAll(/["\\]/g, String.raw`\$&`))
