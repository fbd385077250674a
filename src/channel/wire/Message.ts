/**
 * The messages of the Phoenix protocol as frames of a WebSocket, in both versions that clients speak.
 *
 * A server takes the `Wire` that a client asked for by `negotiate`, and holds on to it for the whole life of the socket. Both versions carry the same five
 * fields; what they differ in is how:
 *
 * | | V1 | V2 |
 * |---|---|---|
 * | JSON | an object, `{"topic","event","payload","ref"}` | an array, `[join_ref, ref, topic, event, payload]` |
 * | a binary frame | may hold the same JSON | is a message with bytes for a payload |
 * | join_ref to the client | never | in replies, pushes and ends |
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import * as Binary from "./Binary.ts"
import { incoming, Undecodable } from "./Incoming.ts"
import type { Incoming, Limits, Payload, Ref } from "./Incoming.ts"
import { parseJson } from "./Json.ts"
import * as Reserved from "./Reserved.ts"
import { decodeUtf8 } from "./Utf8.ts"

export { FieldTooLong } from "./Binary.ts"
export { defaultLimits, Undecodable } from "./Incoming.ts"
export type { Incoming, Limits, Payload, Ref } from "./Incoming.ts"

/**
 * A frame of a WebSocket: a string has the text opcode, bytes have the binary one.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = string | Uint8Array

/**
 * One version of the protocol: reads what a client sends, and writes what a server does.
 *
 * What writes gives `undefined` where the version cannot carry the payload, which is bytes in V1: the message is to be skipped. A payload of bytes whose names
 * do not fit a binary frame throws `FieldTooLong`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire {
  readonly version: "1.0.0" | "2.0.0"
  /** The message that a frame of a client is. It never throws. */
  readonly decode: (frame: Frame, limits: Limits) => Incoming | Undecodable
  /** The answer to the push or the join of that ref; `status` is `ok` or `error`, or a word of the application. */
  readonly reply: (joinRef: Ref, ref: Ref, topic: string, status: string, payload: Payload) => Frame | undefined
  /** An event for one member. */
  readonly push: (joinRef: Ref, topic: string, event: string, payload: Payload) => Frame | undefined
  /** An event for all members: one frame, which may be handed to each of them. */
  readonly broadcast: (topic: string, event: string, payload: Payload) => Frame | undefined
  /** That the channel has ended. Its ref is the join_ref, so that a client of V1 knows which join it was. */
  readonly ended: (
    joinRef: Ref,
    topic: string,
    event: typeof Reserved.close | typeof Reserved.error,
    payload: Schema.Json
  ) => Frame
}

const isBytes = (payload: Payload): payload is Uint8Array => payload instanceof Uint8Array

const isArray = (json: Schema.Json): json is Schema.JsonArray => Array.isArray(json)

const object = (ref: Ref, topic: string, event: string, payload: Schema.Json): string =>
  JSON.stringify({ topic, event, payload, ref })

/**
 * Version 1, which clients get that ask for none: JSON objects, no bytes.
 *
 * @category versions
 * @since 0.1.0
 */
export const V1: Wire = {
  version: "1.0.0",
  decode: (frame, limits) => {
    const text = typeof frame === "string" ? frame : decodeUtf8(frame)
    if (text === undefined) return new Undecodable("the binary frame is not UTF-8, and V1 has JSON only")
    const json = parseJson(text, limits.maxDepth)
    if (json instanceof Undecodable) return json
    if (typeof json !== "object" || json === null || isArray(json)) return new Undecodable("V1: not a JSON object")
    const { topic, event, payload, ref, join_ref: joinRef = null } = json
    return incoming(joinRef, ref, topic, event, payload, limits)
  },
  reply: (_, ref, topic, status, payload) =>
    isBytes(payload) ? undefined : object(ref, topic, Reserved.reply, { status, response: payload }),
  push: (_, topic, event, payload) => (isBytes(payload) ? undefined : object(null, topic, event, payload)),
  broadcast: (topic, event, payload) => (isBytes(payload) ? undefined : object(null, topic, event, payload)),
  ended: object
}

const array = (joinRef: Ref, ref: Ref, topic: string, event: string, payload: Schema.Json): string =>
  JSON.stringify([joinRef, ref, topic, event, payload])

/**
 * Version 2, which phoenix.js asks for: JSON arrays in text frames, bytes in binary frames.
 *
 * @category versions
 * @since 0.1.0
 */
export const V2: Wire = {
  version: "2.0.0",
  decode: (frame, limits) => {
    if (typeof frame !== "string") return Binary.decodePush(frame, limits)
    const json = parseJson(frame, limits.maxDepth)
    if (json instanceof Undecodable) return json
    if (!isArray(json)) return new Undecodable("V2: not a JSON array")
    if (json.length < 5) return new Undecodable(`V2: ${json.length} elements instead of 5`)
    return incoming(json[0], json[1], json[2], json[3], json[4], limits)
  },
  reply: (joinRef, ref, topic, status, payload) =>
    isBytes(payload)
      ? Binary.encodeReply(joinRef, ref, topic, status, payload)
      : array(joinRef, ref, topic, Reserved.reply, { status, response: payload }),
  push: (joinRef, topic, event, payload) =>
    isBytes(payload) ? Binary.encodePush(joinRef, topic, event, payload) : array(joinRef, null, topic, event, payload),
  broadcast: (topic, event, payload) =>
    isBytes(payload) ? Binary.encodeBroadcast(topic, event, payload) : array(null, null, topic, event, payload),
  ended: (joinRef, topic, event, payload) => array(joinRef, joinRef, topic, event, payload)
}

/**
 * The version that a client asks for by the `vsn` of its query; `undefined` where it is none of these two, and the connection is to be refused.
 *
 * No `vsn` is 1.0.0. Else it is what Elixir takes for `~> 1.0.0` or `~> 2.0.0`: a whole version by semver.org, whatever its patch and its build. A pre-release
 * comes before its version: `2.0.1-rc.1` is accepted, `2.0.0-rc.1` is not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const negotiate = (vsn: string | undefined): Wire | undefined => {
  const groups = semver.exec(vsn ?? V1.version)?.groups
  if (groups === undefined || (groups["patch"] === "0" && groups["pre"] !== undefined)) return undefined
  return groups["major"] === "1" ? V1 : V2
}

const identifier = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
const pre = String.raw`(?:-(?<pre>${identifier}(?:\.${identifier})*))?`
const build = String.raw`(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`
const semver = new RegExp(String.raw`^(?<major>[12])\.0\.(?<patch>0|[1-9][0-9]*)${pre}${build}$`)
