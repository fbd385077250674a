/**
 * The protocol a second time, written from the specification alone: what a client sends and reads, and which frames a server may take.
 */
import { isUtf8 } from "node:buffer"

import type { Frame, Incoming, Limits, Payload, Ref } from "../../../src/channel/wire/Message.ts"

type Version = string

/** A frame of bytes: numbers are bytes, strings are their UTF-8. */
export const bytes = (...parts: ReadonlyArray<number | string | Uint8Array>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...Buffer.from(part as string)])))

const sized = (kind: number, names: ReadonlyArray<string>, payload: Uint8Array): Uint8Array =>
  bytes(kind, ...names.map((name) => Buffer.byteLength(name)), ...names, payload)

/** The frame by which a client sends a message. */
export const fromClient = (version: Version, { joinRef, ref, topic, event, payload }: Incoming): Frame => {
  if (payload instanceof Uint8Array) return sized(0, [String(joinRef), String(ref), topic, event], payload)
  return version === "1.0.0"
    ? JSON.stringify({ topic, event, payload, ref, join_ref: joinRef })
    : JSON.stringify([joinRef, ref, topic, event, payload])
}

/** What a client reads in a frame of the server. */
export interface Outgoing {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  readonly payload: Payload
  readonly status?: string
}

const fieldsOfServer: Record<number, ReadonlyArray<string>> = {
  0: ["joinRef", "topic", "event"],
  1: ["joinRef", "ref", "topic", "status"],
  2: ["topic", "event"]
}

/** Reads a frame of the server. */
export const fromServer = (version: Version, frame: Frame): Outgoing => {
  if (typeof frame !== "string") {
    const fields = fieldsOfServer[frame[0]!]!
    let at = 1 + fields.length
    const read = fields.map((field, index) => [
      field,
      Buffer.from(frame).toString("utf8", at, (at += frame[1 + index]!))
    ])
    const nothing = { joinRef: null, ref: null, event: "phx_reply" }
    return { ...nothing, ...(Object.fromEntries(read) as { topic: string }), payload: frame.slice(at) }
  }
  const json = JSON.parse(frame)
  const fields = version === "2.0.0" ? json : [null, json.ref, json.topic, json.event, json.payload]
  const [joinRef, ref, topic, event, payload] = fields
  return event === "phx_reply"
    ? { joinRef, ref, topic, event, status: payload.status, payload: payload.response }
    : { joinRef, ref, topic, event, payload }
}

/** The depth of a text that is JSON. A key that stands there twice counts each time, though only the last one is kept. */
const depthOf = (text: string): number => {
  let [deepest, depth] = [0, 0]
  for (const unit of text.replaceAll(/"(?:\\.|[^"\\])*"/g, "")) {
    if ("[{".includes(unit)) deepest = Math.max(deepest, ++depth)
    if ("]}".includes(unit)) depth--
  }
  return deepest
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The message that a server takes a frame for, or `undefined` where it refuses the frame. */
export const taken = (version: Version, frame: Frame, limits: Limits): Incoming | undefined => {
  if (version === "2.0.0" && typeof frame !== "string") return takenPush(Buffer.from(frame), limits)
  if (typeof frame !== "string" && !isUtf8(frame)) return undefined
  const text = typeof frame === "string" ? frame : Buffer.from(frame).toString()
  const json = parsed(text)
  if (typeof json !== "object" || json === null || Array.isArray(json) !== (version === "2.0.0")) return undefined
  if (depthOf(text) > limits.maxDepth + 1) return undefined
  const keys = version === "2.0.0" ? ["0", "1", "2", "3", "4"] : ["join_ref", "ref", "topic", "event", "payload"]
  const own = new Map(Object.entries(json))
  if (version === "1.0.0" && !own.has("join_ref")) own.set("join_ref", null)
  if (!keys.every((key) => own.has(key))) return undefined
  const [joinRef, ref, topic, event, payload] = keys.map((key) => own.get(key))
  const isName = (value: unknown) => typeof value === "string" && Buffer.byteLength(value) <= limits.maxName
  const isRef = (value: unknown) => value === null || Number.isFinite(value) || isName(value)
  return isRef(joinRef) && isRef(ref) && isName(topic) && isName(event)
    ? { joinRef, ref, topic, event, payload }
    : undefined
}

const takenPush = (frame: Buffer, { maxName }: Limits): Incoming | undefined => {
  const sizes = [...frame.subarray(1, 5)]
  const end = sizes.reduce((sum, size) => sum + size, 5)
  if (frame[0] !== 0 || sizes.length < 4 || end > frame.length || sizes.some((size) => size > maxName)) return undefined
  let at = 5
  const parts = sizes.map((size) => frame.subarray(at, (at += size)))
  if (!parts.every((part) => isUtf8(part))) return undefined
  const [joinRef, ref, topic, event] = parts.map(String) as [string, string, string, string]
  return { joinRef, ref, topic, event, payload: Uint8Array.from(frame.subarray(end)) }
}
