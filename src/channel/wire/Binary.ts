/**
 * The binary frames of V2: a kind, the sizes of the names in one byte each, the names, and then the payload as it is. Internal to the channel part.
 *
 * A push has four names when a client sends it and three when the server does, for the server's has no ref.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

import type { Ref } from "../Payload.ts"
import { Undecodable } from "../Serializer.ts"
import type { Incoming, Limits } from "../Serializer.ts"
import { tooLong } from "./Incoming.ts"
import { byteLength, decodeUtf8 } from "./Utf8.ts"

/** The frames of the server: the kind, and the names in their order. */
const layouts = {
  push: { kind: 0, fields: ["join_ref", "topic", "event"] },
  reply: { kind: 1, fields: ["join_ref", "ref", "topic", "status"] },
  broadcast: { kind: 2, fields: ["topic", "event"] }
} as const

/** A client's push, which is the only frame that it sends. */
const pushFields = ["join_ref", "ref", "topic", "event"] as const
const pushHeader = 1 + pushFields.length

const maxBytes = 255

/**
 * A message with a payload of bytes cannot be sent, since one of its names has more than the 255 bytes that a binary frame has room for. Shorten the name, or
 * send the payload as JSON.
 *
 * @category errors
 * @since 0.1.0
 */
export class FieldTooLong extends Schema.TaggedError<FieldTooLong>()("FieldTooLong", {
  field: Schema.Literals(["join_ref", "ref", "topic", "event", "status"]),
  /** How many bytes of UTF-8 it has. */
  bytes: Schema.Int
}) {
  override get message(): string {
    return `The ${this.field} has ${this.bytes} bytes, and a binary frame has room for ${maxBytes}: shorten it, or send the payload as JSON`
  }
}

/** The push of a client that a binary frame is. The payload is a view of the frame. */
export const decodePush = (frame: Uint8Array, limits: Limits): Incoming | Undecodable => {
  if (frame.length === 0) return new Undecodable("the binary frame is empty")
  if (frame[0] !== layouts.push.kind)
    return new Undecodable(`byte 0: a client sends no binary frame of kind ${frame[0]}`)
  if (frame.length < pushHeader) return truncated(frame, `its header of ${pushHeader}`)
  const names: Array<string> = []
  let at = pushHeader
  for (const [index, field] of pushFields.entries()) {
    const size = frame[1 + index]!
    if (size > limits.maxName) return new Undecodable(tooLong(field, size, limits.maxName))
    if (at + size > frame.length) return truncated(frame, `${field}, which has ${size} from byte ${at}`)
    const name = readName(frame, at, at + size)
    if (name === undefined) return new Undecodable(`${field} is not UTF-8: ${size} bytes from byte ${at}`)
    names.push(name)
    at += size
  }
  const [joinRef, ref, topic, event] = names as [string, string, string, string]
  // Not `subarray`: a Buffer would return a Buffer, whose `slice` does not copy.
  const payload = new Uint8Array(frame.buffer, frame.byteOffset + at, frame.length - at)
  return { joinRef, ref, topic, event, payload }
}

const truncated = (frame: Uint8Array, inside: string): Undecodable =>
  new Undecodable(`the frame ends after ${frame.length} bytes, inside ${inside}`)

// Most names are short and ASCII, for which TextDecoder and TextEncoder take longer than these loops.
const readName = (frame: Uint8Array, from: number, to: number): string | undefined => {
  let name = ""
  for (let at = from; at < to; at++) {
    const byte = frame[at]!
    if (byte >= 0x80) return decodeUtf8(frame.subarray(from, to))
    name += String.fromCharCode(byte)
  }
  return name
}

/** A reply as a binary frame. */
export const encodeReply = (joinRef: Ref, ref: Ref, topic: string, status: string, payload: Uint8Array): Uint8Array =>
  encode(layouts.reply, [refText(joinRef), refText(ref), topic, status], payload)

/** A push of the server as a binary frame. */
export const encodePush = (joinRef: Ref, topic: string, event: string, payload: Uint8Array): Uint8Array =>
  encode(layouts.push, [refText(joinRef), topic, event], payload)

/** A broadcast as a binary frame. */
export const encodeBroadcast = (topic: string, event: string, payload: Uint8Array): Uint8Array =>
  encode(layouts.broadcast, [topic, event], payload)

// As Phoenix's `to_string`: null becomes the empty string. Nor does Phoenix make null of an empty one that it reads.
const refText = (ref: Ref): string => (ref === null ? "" : String(ref))

const encode = (
  { kind, fields }: (typeof layouts)[keyof typeof layouts],
  names: ReadonlyArray<string>,
  payload: Uint8Array
): Uint8Array => {
  const sizes = names.map(byteLength)
  let at = 1 + names.length
  let length = at + payload.length
  for (const [index, bytes] of sizes.entries()) {
    if (bytes > maxBytes) throw new FieldTooLong({ field: fields[index]!, bytes })
    length += bytes
  }
  const frame = new Uint8Array(length)
  frame[0] = kind
  frame.set(sizes, 1)
  for (const [index, name] of names.entries()) {
    writeName(frame, at, name, sizes[index]!)
    at += sizes[index]!
  }
  frame.set(payload, at)
  return frame
}

const writeName = (frame: Uint8Array, from: number, name: string, size: number): void => {
  // More bytes than code units: not ASCII.
  if (size > name.length) encoder.encodeInto(name, frame.subarray(from))
  else for (let at = 0; at < size; at++) frame[from + at] = name.charCodeAt(at)
}

const encoder = new TextEncoder()
