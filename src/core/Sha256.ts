/**
 * SHA-256 (FIPS 180-4) without a wait, on any runtime: Web Crypto is asynchronous, and missing on insecure pages. For keys and short bodies. Internal to Fairlead.
 *
 * @since 0.1.0
 */

// All words are signed, so that the engine keeps them as integers.
const fractions = (root: (prime: number) => number, count: number): Int32Array => {
  const words: Array<number> = []
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false
    if (isPrime) words.push((root(candidate) % 1) * 2 ** 32)
  }
  return Int32Array.from(words)
}

const rounds = fractions(Math.cbrt, 64)
const initial = fractions(Math.sqrt, 8)
const encoder = new TextEncoder()
const schedule = new Int32Array(64)

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

const compress = (state: Int32Array, block: DataView, offset: number): void => {
  for (let at = 0; at < 16; at++) schedule[at] = block.getInt32(offset + 4 * at)
  for (let at = 16; at < 64; at++) {
    const early = schedule[at - 15]!
    const late = schedule[at - 2]!
    const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    schedule[at] = (schedule[at - 16]! + small0 + schedule[at - 7]! + small1) | 0
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
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
  state[0] = state[0]! + a
  state[1] = state[1]! + b
  state[2] = state[2]! + c
  state[3] = state[3]! + d
  state[4] = state[4]! + e
  state[5] = state[5]! + f
  state[6] = state[6]! + g
  state[7] = state[7]! + h
}

/** The digest as eight words. */
const wordsOf = (bytes: Uint8Array): Int32Array => {
  const state = initial.slice()
  const rest = bytes.length % 64
  const whole = bytes.length - rest
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < whole; at += 64) compress(state, view, at)
  const padded = new Uint8Array(rest < 56 ? 64 : 128)
  padded.set(bytes.subarray(whole))
  padded[rest] = 0x80
  const end = new DataView(padded.buffer)
  end.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29))
  end.setUint32(padded.length - 4, (bytes.length << 3) >>> 0)
  for (let at = 0; at < padded.length; at += 64) compress(state, end, at)
  return state
}

/** The digest of bytes. */
export const digest = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = new DataView(new ArrayBuffer(32))
  for (const [at, word] of wordsOf(bytes).entries()) out.setInt32(4 * at, word)
  return new Uint8Array(out.buffer)
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
  const joined = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    joined.set(piece, offset)
    offset += piece.length
  }
  return Array.from(wordsOf(joined), (word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
}
