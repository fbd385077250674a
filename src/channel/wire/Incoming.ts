/**
 * The message in a client's frame of any version, or the reason why it has none. Internal to the channel part: `Message.ts` exports the
 * models.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import type { Ref } from "../Payload.ts"
import { Undecodable } from "../Serializer.ts"
import type { Incoming, Limits } from "../Serializer.ts"
import { byteLength } from "./Utf8.ts"

/** The default limits. */
export const defaultLimits: Limits = { maxDepth: 64, maxName: 255 }

/** The message with these fields, which come out of JSON and may be anything; `undefined` for a missing key. Internal to the channel part. */
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

// `JSON.parse` makes infinity of 1e999, and no JSON can return that to the client.
const isRef = (value: Schema.Json | undefined, maxName: number): value is Ref =>
  value === null || (typeof value === "number" ? Number.isFinite(value) : isName(value, maxName))

const refFault = (field: string, value: Schema.Json | undefined, maxName: number): string =>
  typeof value === "number"
    ? `${field} is too large a number to be returned`
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
