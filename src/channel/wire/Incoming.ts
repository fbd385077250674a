/**
 * What a frame of a client says, whatever version it came in, and the reason where it says nothing. Internal to the channel part: `Message.ts` gives the
 * models on.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import { byteLength } from "./Utf8.ts"

/**
 * A reference as the client chose it; it is given back as it came. A number is what `JSON.parse` makes of it: beyond 2^53 it is rounded.
 *
 * @category models
 * @since 0.1.0
 */
export type Ref = string | number | null

/**
 * What a message carries: JSON, or bytes, which only a binary frame of V2 can hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = Schema.Json | Uint8Array

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
 * The limits that hold unless others are given.
 *
 * @category models
 * @since 0.1.0
 */
export const defaultLimits: Limits = { maxDepth: 64, maxName: 255 }

/**
 * A frame that is no message of its version. It is returned and not thrown, for a client may send anything at any time; a server answers by closing the
 * socket with 1011.
 *
 * @category models
 * @since 0.1.0
 */
export class Undecodable {
  readonly _tag = "Undecodable"
  /** What was wrong, and where: one line of printable ASCII with at most a few characters of what the client sent. */
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** The message with these fields, which come out of JSON and may be anything; `undefined` stands for a key that is missing. Internal to the channel part. */
export const incoming = (
  joinRef: Schema.Json | undefined,
  ref: Schema.Json | undefined,
  topic: Schema.Json | undefined,
  event: Schema.Json | undefined,
  payload: Schema.Json | undefined,
  { maxName }: Limits
): Incoming | Undecodable => {
  if (!isRef(joinRef, maxName)) return new Undecodable(refFault("join_ref", joinRef, maxName))
  if (!isRef(ref, maxName)) return new Undecodable(refFault("ref", ref, maxName))
  if (!isName(topic, maxName)) return new Undecodable(nameFault("topic", topic, maxName))
  if (!isName(event, maxName)) return new Undecodable(nameFault("event", event, maxName))
  if (payload === undefined) return new Undecodable("payload is missing")
  return { joinRef, ref, topic, event, payload }
}

// No code unit has more than three bytes: most names need not be counted.
const isName = (value: Schema.Json | undefined, maxName: number): value is string =>
  typeof value === "string" && (value.length * 3 <= maxName || byteLength(value) <= maxName)

// `JSON.parse` makes infinity of 1e999, and no JSON gives that back to the client.
const isRef = (value: Schema.Json | undefined, maxName: number): value is Ref =>
  value === null || (typeof value === "number" ? Number.isFinite(value) : isName(value, maxName))

const refFault = (field: string, value: Schema.Json | undefined, maxName: number): string =>
  typeof value === "number"
    ? `${field} is too large a number to be given back`
    : fault(field, value, maxName, "a string, a number or null")

const nameFault = (field: string, value: Schema.Json | undefined, maxName: number): string =>
  fault(field, value, maxName, "a string")

const fault = (field: string, value: Schema.Json | undefined, maxName: number, wanted: string): string => {
  if (value === undefined) return `${field} is missing`
  if (typeof value === "string") return tooLong(field, byteLength(value), maxName)
  const found = value === null ? "null" : Array.isArray(value) ? "an array" : `of the type ${typeof value}`
  return `${field} is ${found} instead of ${wanted}`
}

/** That a name has more bytes than it may have. Internal to the channel part. */
export const tooLong = (field: string, bytes: number, maxName: number): string =>
  `${field} has ${bytes} bytes, and may have ${maxName}`
