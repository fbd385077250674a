/**
 * The client's side of the Phoenix protocol: writes what a client sends, reads what a server does.
 *
 * @since 0.1.0
 */
import type { Frame, Payload, Ref } from "../../channel/Payload.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"

/**
 * The answer to a join or a push.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  /** `ok` or `error`, or a word of the application. */
  readonly status: string
  readonly response: Payload
}

/**
 * A message that a client got.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  /** Of a `phx_reply` the whole `Reply`. */
  readonly payload: Payload | Reply
  /** The place of a broadcast in its topic, for a client of V2 that asked for it at join. */
  readonly position?: string | undefined
}

/** A message from a client. Internal to the testing kits. */
export interface Outgoing {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  readonly payload: Payload
}

/** The name of a serializer; any other than Phoenix's first is read as its second. Internal to the testing kits. */
export type Version = string

/** The reply that a message is, if it is one. Internal to the testing kits. */
export const replyOf = ({ event, payload }: Message): Reply | undefined =>
  event === Reserved.reply ? (payload as Reply) : undefined

/** Writes a message as a client does. Internal to the testing kits. */
export const encode = (version: Version, { event, joinRef, payload, ref, topic }: Outgoing): Frame => {
  if (payload instanceof Uint8Array) return encodeBytes([joinRef, ref, topic, event], payload)
  return version === "1.0.0"
    ? JSON.stringify({ topic, event, payload, ref })
    : JSON.stringify([joinRef, ref, topic, event, payload])
}

const encodeBytes = (names: ReadonlyArray<Ref>, payload: Uint8Array): Uint8Array => {
  const encoder = new TextEncoder()
  const fields = names.map((name) => encoder.encode(name === null ? "" : String(name)))
  return Uint8Array.from([
    0,
    ...fields.map(({ length }) => length),
    ...fields.flatMap((field) => [...field]),
    ...payload
  ])
}

/** Reads a message as a client does. Internal to the testing kits. */
export const decode = (version: Version, frame: Frame): Message => {
  if (typeof frame !== "string") return decodeBytes(frame)
  const json = JSON.parse(frame)
  if (version === "1.0.0")
    return { joinRef: null, ref: json.ref, topic: json.topic, event: json.event, payload: json.payload }
  const [joinRef, ref, topic, event, payload, position] = json
  const message = { joinRef, ref, topic, event, payload }
  return position === undefined ? message : { ...message, position }
}

/** How many names the frames of a server have, by kind: push, reply, broadcast. */
const namesOfKind = [3, 4, 2]

const decodeBytes = (frame: Uint8Array): Message => {
  const kind = frame[0]!
  const count = namesOfKind[kind]!
  let at = 1 + count
  const names = Array.from(frame.subarray(1, at), (size) => new TextDecoder().decode(frame.subarray(at, (at += size))))
  const bytes = frame.slice(at)
  const [first = "", second = "", third = "", fourth = ""] = names
  if (kind === 0) return { joinRef: first, ref: null, topic: second, event: third, payload: bytes }
  if (kind === 2) return { joinRef: null, ref: null, topic: first, event: second, payload: bytes }
  return {
    joinRef: first,
    ref: second,
    topic: third,
    event: Reserved.reply,
    payload: { status: fourth, response: bytes }
  }
}
