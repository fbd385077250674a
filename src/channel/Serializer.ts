/**
 * The serializers of messages: how the five fields of a message become a frame. Public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import type { Frame, Payload, Ref } from "./Payload.ts"

/**
 * One message of a client.
 *
 * A payload of bytes is a view of the frame it came in, not a copy: it keeps the whole frame in memory, and whoever writes to one writes to the other. Take
 * `payload.slice()` to keep it for long.
 *
 * @category models
 * @since 0.1.0
 */
export interface Incoming {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  readonly payload: Payload
}

/**
 * How much a client may ask of the decoder. The size of a frame is the transport's limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** How deep arrays and objects of a payload may be nested: `{}` is 1 deep. Default: 64. */
  readonly maxDepth: number
  /** How many bytes of UTF-8 a topic, an event and a reference may have each. Default: 255, which is all that a binary frame has room for. */
  readonly maxName: number
}

/**
 * A frame without a valid message of its version. It is returned and not thrown, for a client may send anything at any time; a server answers by closing the
 * socket with 1011.
 *
 * @category models
 * @since 0.1.0
 */
export class Undecodable {
  readonly _tag = "Undecodable"
  /** The fault and its place: one line of printable ASCII with at most a few characters of the client's message. */
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * One version of the protocol: reads the frames of a client, and writes those of the server. `ChannelServer.serializerV1` and `serializerV2` are Phoenix's; a mount may
 * add others by its option `serializers`.
 *
 * The functions that write return `undefined` where the version cannot carry the payload, which is bytes in V1: the message is skipped. A payload of bytes whose names
 * do not fit a binary frame throws `FieldTooLong`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Serializer {
  /** Its name, which is shown as the version of a socket. */
  readonly version: string
  /** Whether JSON messages have room for a position. */
  readonly carriesPositions: boolean
  /** The message that a frame of a client is. It never throws. */
  readonly decode: (frame: Frame, limits: Limits) => Incoming | Undecodable
  /** The answer to the push or the join of that ref; `status` is `ok` or `error`, or a word of the application. */
  readonly reply: (joinRef: Ref, ref: Ref, topic: string, status: string, payload: Payload) => Frame | undefined
  /** An event for one member, with its position where there is one and room for it. */
  readonly push: (joinRef: Ref, topic: string, event: string, payload: Payload, position?: string) => Frame | undefined
  /** An event for all members: one frame, which may be handed to each of them. */
  readonly broadcast: (topic: string, event: string, payload: Payload, position?: string) => Frame | undefined
  /** That the channel has ended. Its ref is the join_ref, so that a client of V1 knows which join it was. */
  readonly ended: (joinRef: Ref, topic: string, event: "phx_close" | "phx_error", payload: Schema.Json) => Frame
}

/**
 * A serializer that a mount adds, and the versions that it is for.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddedSerializer extends Serializer {
  /** Whether it speaks the version that a client asks for by `vsn`. It is asked before Phoenix's own versions. */
  readonly accepts: (vsn: string) => boolean
}
