/**
 * The frames between two Harbours: four bytes of length, most significant first, and as many of JSON in UTF-8.
 *
 * The first frame of each side lists its known positions, all later frames are news. A length above `limits.peer.frame` is refused before anything of the frame is kept.
 */
import { Effect, Option, Schema } from "effect"
import type { EndpointConnection, EndpointError } from "fairlead/endpoint"

import { limits } from "./Domain.ts"
import { Known, News } from "./PeerNews.ts"

/** The other Harbour sends what is no frame. */
export class BadFrame extends Schema.TaggedError<BadFrame>()("BadFrame", { description: Schema.String }) {
  override get message() {
    return `not the protocol harbour/1: ${this.description}`
  }
}

const Frame = Schema.Union([Known, News])

const encodeFrame = Schema.encodeSync(Schema.fromJsonString(Frame))
const decodeFrame = Schema.decodeUnknownEffect(Schema.fromJsonString(Frame))
const utf8 = new TextDecoder("utf-8", { fatal: true })

/** The bytes of a frame. */
export const encode = (frame: typeof Frame.Type): Uint8Array => {
  const body = Buffer.from(encodeFrame(frame))
  const bytes = Buffer.alloc(4 + body.length)
  bytes.writeUInt32BE(body.length)
  body.copy(bytes, 4)
  return bytes
}

const decode = (body: Uint8Array): Effect.Effect<typeof Frame.Type, BadFrame> =>
  Effect.try({ try: () => utf8.decode(body), catch: () => new BadFrame({ description: "a frame is not UTF-8" }) }).pipe(
    Effect.flatMap(decodeFrame),
    // The fault of a frame, without its content: it is sent to the peer and logged.
    Effect.catchTag("SchemaError", () => Effect.fail(new BadFrame({ description: "a frame is not what it should be" })))
  )

/** Reads frames, one at a time; none when the other side has finished. */
export const reader = (
  recv: EndpointConnection.RecvStream
): Effect.Effect<Option.Option<typeof Frame.Type>, EndpointError.StreamError | BadFrame> => {
  let buffered = Buffer.alloc(0)
  /** The next bytes; fewer, when there are no more. */
  const take = (size: number): Effect.Effect<Buffer, EndpointError.StreamError> =>
    Effect.gen(function* () {
      const chunks = [buffered]
      let length = buffered.length
      while (length < size) {
        const chunk = yield* recv.read()
        if (Option.isNone(chunk)) break
        chunks.push(Buffer.from(chunk.value))
        length += chunk.value.length
      }
      const all = Buffer.concat(chunks)
      buffered = all.subarray(size)
      return all.subarray(0, size)
    })
  return Effect.gen(function* () {
    const head = yield* take(4)
    if (head.length === 0) return Option.none()
    const size = head.length < 4 ? 0 : head.readUInt32BE()
    if (size === 0 || size > limits.peer.frame) {
      return yield* new BadFrame({ description: `a frame has 1 to ${limits.peer.frame} bytes` })
    }
    const body = yield* take(size)
    if (body.length < size) return yield* new BadFrame({ description: "a frame is cut off" })
    return Option.some(yield* decode(body))
  })
}
