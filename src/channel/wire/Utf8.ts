/**
 * UTF-8 without forgiveness: malformed bytes are refused instead of patched with U+FFFD, and a byte order mark is a character like any other. Internal
 * to the channel part.
 *
 * @since 0.1.0
 */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The text that the bytes are, or `undefined` where they are no UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** How many bytes `TextEncoder` makes of the text: three for a lone surrogate, which becomes U+FFFD. */
export const byteLength = (text: string): number => {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    // A pair is two units and four bytes: the second unit adds none.
    if (isHigh(unit) && isLow(text.charCodeAt(at + 1))) at++
  }
  return bytes
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff
