/**
 * SHA-512/256 by FIPS 180-4 §5.3.6.2 and §6.4, for digest authentication: neither Web Crypto nor Effect's `Digest` has it.
 *
 * It hashes a few megabytes a second, enough for the short texts of RFC 7616; only `auth-int` hashes a whole body.
 *
 * @since 0.1.0
 */

const mask = 0xffff_ffff_ffff_ffffn

/** The first 64 bits of the fractional part of a root, by Newton's method on integers. */
const fraction = (prime: bigint, degree: 2n | 3n): bigint => {
  const scaled = prime << (64n * degree)
  // Above the root, from where Newton's method falls to it.
  let root = prime << 64n
  for (;;) {
    const next = ((degree - 1n) * root + scaled / root ** (degree - 1n)) / degree
    if (next >= root) return root & mask
    root = next
  }
}

const primes = (count: number): ReadonlyArray<bigint> => {
  const found: Array<bigint> = []
  for (let candidate = 2n; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate)
  }
  return found
}

interface Constants {
  readonly rounds: ReadonlyArray<bigint>
  readonly initial: ReadonlyArray<bigint>
}

let known: Constants | undefined

/** The constants of §4.2.3 and §5.3.6, computed when a hash is first needed. */
const constants = (): Constants => {
  if (known !== undefined) return known
  const rounds = primes(80).map((prime) => fraction(prime, 3n))
  const seed = primes(8).map((prime) => fraction(prime, 2n) ^ 0xa5a5_a5a5_a5a5_a5a5n)
  known = { rounds, initial: hashed(new TextEncoder().encode("SHA-512/256"), seed, rounds) }
  return known
}

const rotate = (word: bigint, count: bigint): bigint => (word >> count) | ((word << (64n - count)) & mask)

const padded = (bytes: Uint8Array): DataView => {
  const length = Math.ceil((bytes.length + 17) / 128) * 128
  const all = new Uint8Array(length)
  all.set(bytes)
  all[bytes.length] = 0x80
  const view = new DataView(all.buffer)
  view.setBigUint64(length - 8, BigInt(bytes.length) * 8n)
  return view
}

const compress = (state: ReadonlyArray<bigint>, words: Array<bigint>, constants: ReadonlyArray<bigint>) => {
  for (let round = 16; round < 80; round++) {
    const early = words[round - 15]!
    const late = words[round - 2]!
    const small0 = rotate(early, 1n) ^ rotate(early, 8n) ^ (early >> 7n)
    const small1 = rotate(late, 19n) ^ rotate(late, 61n) ^ (late >> 6n)
    words[round] = (words[round - 16]! + small0 + words[round - 7]! + small1) & mask
  }
  let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let round = 0; round < 80; round++) {
    const big1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n)
    const choice = (e & f) ^ (~e & mask & g)
    const first = h + big1 + choice + constants[round]! + words[round]!
    const big0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    h = g
    g = f
    f = e
    e = (d + first) & mask
    d = c
    c = b
    b = a
    a = (first + big0 + majority) & mask
  }
  return [a, b, c, d, e, f, g, h].map((word, at) => (word + state[at]!) & mask)
}

const hashed = (bytes: Uint8Array, initial: ReadonlyArray<bigint>, rounds: ReadonlyArray<bigint>) => {
  const view = padded(bytes)
  let state = initial
  for (let block = 0; block < view.byteLength; block += 128) {
    const words = Array.from({ length: 16 }, (_, at) => view.getBigUint64(block + 8 * at))
    state = compress(state, words, rounds)
  }
  return state
}

/** The hash in lower-case hexadecimal. */
export const sha512t256Hex = (bytes: Uint8Array): string => {
  const { initial, rounds } = constants()
  return hashed(bytes, initial, rounds)
    .slice(0, 4)
    .map((word) => word.toString(16).padStart(16, "0"))
    .join("")
}
