/** WebSocket frames, as far as the bench needs them: text frames of both sides, and a reader that only counts. */

/** The frame of a server for a text, written unchanged to every socket. */
export const frameOf = (text: string): Buffer => framed(Buffer.from(text), undefined)

/** The masked frame of a client for a text. */
export const maskedFrameOf = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const mask = Buffer.from([0x5a, 0x17, 0xc3, 0x8e])
  return framed(
    payload.map((byte, at) => byte ^ mask[at % 4]!),
    mask
  )
}

const framed = (payload: Uint8Array, mask: Buffer | undefined): Buffer => {
  const { length } = payload
  if (length > 0xffff) throw new Error(`${length} bytes do not fit a frame of the bench.`)
  const masked = mask === undefined ? 0 : 0x80
  const header = length < 126 ? [0x81, masked | length] : [0x81, masked | 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), mask ?? Buffer.alloc(0), payload])
}

const text = 0x81

/** Reads what a server sends in pieces, and counts its frames: the cheapest that a client can do. */
export class FrameCounter {
  /** The texts of the frames, while they are collected. */
  texts: Array<string> | undefined = undefined
  private parts: Array<Uint8Array> = []
  /** How many bytes of the header there were; how many of the payload are to come. */
  private seen = 0
  private left = 0

  /** How many frames end within these bytes. */
  count(bytes: Uint8Array, length: number): number {
    let frames = 0
    let at = 0
    while (at < length) {
      if (this.seen < 4) {
        this.header(bytes[at++]!)
      } else {
        const size = Math.min(this.left, length - at)
        if (this.texts !== undefined) this.parts.push(bytes.slice(at, at + size))
        at += size
        this.left -= size
      }
      if (this.seen === 4 && this.left === 0) {
        this.seen = 0
        frames++
        this.texts?.push(Buffer.concat(this.parts.splice(0)).toString())
      }
    }
    return frames
  }

  private header(byte: number): void {
    switch (this.seen++) {
      case 0:
        if (byte !== text) throw new Error(`A frame begins with ${byte}: it is no text, or not whole.`)
        return
      case 1:
        if (byte === 127) throw new Error("A frame has 64 KiB or more.")
        if (byte === 126) return
        this.left = byte
        this.seen = 4
        return
      default:
        this.left = (this.left << 8) | byte
    }
  }
}
