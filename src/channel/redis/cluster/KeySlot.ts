/**
 * The hash slots of a Redis Cluster. Internal to the Redis engine.
 *
 * @since 0.1.0
 */

/** How many slots a cluster has. */
export const slotCount = 16_384

/** CRC16 of the XMODEM kind, by byte. */
const table = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc & 0xffff
})

const encoder = new TextEncoder()

/** The slot of a key: that of its hash tag, if it has one. */
export const slotOf = (key: string): number => {
  const open = key.indexOf("{")
  const close = open === -1 ? -1 : key.indexOf("}", open + 1)
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of encoder.encode(hashed)) crc = ((crc << 8) & 0xffff) ^ table[((crc >> 8) ^ byte) & 0xff]!
  return crc % slotCount
}

const tags = new Map<number, string>()
let next = 0

/** A hash tag, with its braces, of which all keys are in this slot. It is the same in every process. */
export const tagOf = (slot: number): string => {
  let tag = tags.get(slot)
  while (tag === undefined) {
    const candidate = `{${(next++).toString(36)}}`
    const found = slotOf(candidate)
    if (!tags.has(found)) tags.set(found, candidate)
    tag = tags.get(slot)
  }
  return tag
}
