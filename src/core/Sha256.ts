/**
 * SHA-256 (FIPS 180-4) without a wait, on any runtime: Web Crypto is asynchronous, and missing on insecure pages. For keys and short bodies. Internal to Fairlead.
 *
 * @since 0.1.0
 */

const fractions = (root: (prime: number) => number, count: number): Uint32Array => {
  const words: Array<number> = []
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false
    if (isPrime) words.push((root(candidate) % 1) * 2 ** 32)
  }
  return Uint32Array.from(words)
}

const rounds = fractions(Math.cbrt, 64)
const initial = fractions(Math.sqrt, 8)
const encoder = new TextEncoder()
const schedule = new Uint32Array(64)

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

const compress = (state: Uint32Array, block: DataView, offset: number): void => {
  for (let at = 0; at < 16; at++) schedule[at] = block.getUint32(offset + 4 * at)
  for (let at = 16; at < 64; at++) {
    const early = schedule[at - 15]!
    const late = schedule[at - 2]!
    const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    schedule[at] = schedule[at - 16]! + small0 + schedule[at - 7]! + small1
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let at = 0; at < 64; at++) {
    const choice = (e & f) ^ (~e & g)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    const first = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + rounds[at]! + schedule[at]!) | 0
    const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  const added = [a, b, c, d, e, f, g, h]
  for (let at = 0; at < 8; at++) state[at] = state[at]! + added[at]!
}

/** The digest in hexadecimal of texts and bytes, each with its length before it, so that no two lists of parts have the same digest. */
export const sha256 = (...parts: ReadonlyArray<string | Uint8Array>): string => {
  const pieces: Array<Uint8Array> = []
  let size = 0
  const add = (piece: Uint8Array): void => {
    pieces.push(piece)
    size += piece.length
  }
  for (const part of parts) {
    const bytes = typeof part === "string" ? encoder.encode(part) : part
    if (parts.length > 1) add(encoder.encode(`${bytes.length}:`))
    add(bytes)
  }
  const padded = new Uint8Array(Math.ceil((size + 9) / 64) * 64)
  let offset = 0
  for (const piece of pieces) {
    padded.set(piece, offset)
    offset += piece.length
  }
  padded[size] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(size / 2 ** 29))
  view.setUint32(padded.length - 4, (size << 3) >>> 0)
  const state = initial.slice()
  for (let at = 0; at < padded.length; at += 64) compress(state, view, at)
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("")
}
