/**
 * The messages of the Phoenix protocol as frames of a WebSocket, in both versions that clients speak.
 *
 * A server takes the `Wire` that a client asked for by `negotiate`, and holds on to it for the whole life of the socket. Both versions carry the same five
 * fields, in different forms:
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

import type { Payload, Ref } from "../Payload.ts"
import { Undecodable } from "../Serializer.ts"
import type { AddedSerializer, Serializer } from "../Serializer.ts"
import * as Binary from "./Binary.ts"
import { incoming } from "./Incoming.ts"
import { parseJson } from "./Json.ts"
import * as Reserved from "./Reserved.ts"
import { decodeUtf8 } from "./Utf8.ts"

export { FieldTooLong } from "./Binary.ts"
export { defaultLimits } from "./Incoming.ts"
export { Undecodable } from "../Serializer.ts"
export type { Frame, Payload, Ref } from "../Payload.ts"
export type { Incoming, Limits, Serializer as Wire } from "../Serializer.ts"

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
export const V1: Serializer = {
  version: "1.0.0",
  carriesPositions: false,
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

// Clients that know nothing of positions read five elements, and ignore more.
const positioned = (joinRef: Ref, topic: string, event: string, payload: Schema.Json, position: string | undefined) =>
  position === undefined
    ? array(joinRef, null, topic, event, payload)
    : JSON.stringify([joinRef, null, topic, event, payload, position])

/**
 * Version 2, which phoenix.js asks for: JSON arrays in text frames, bytes in binary frames.
 *
 * @category versions
 * @since 0.1.0
 */
export const V2: Serializer = {
  version: "2.0.0",
  carriesPositions: true,
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
  push: (joinRef, topic, event, payload, position) =>
    isBytes(payload)
      ? Binary.encodePush(joinRef, topic, event, payload)
      : positioned(joinRef, topic, event, payload, position),
  broadcast: (topic, event, payload, position) =>
    isBytes(payload)
      ? Binary.encodeBroadcast(topic, event, payload)
      : positioned(null, topic, event, payload, position),
  ended: (joinRef, topic, event, payload) => array(joinRef, joinRef, topic, event, payload)
}

/**
 * The version that a client asks for by the `vsn` of its query; `undefined` for any other, whose connection is refused.
 *
 * No `vsn` is 1.0.0. Else it must match Elixir's `~> 1.0.0` or `~> 2.0.0`: a whole version by semver.org, whatever its patch and its build. A pre-release
 * comes before its version: `2.0.1-rc.1` is accepted, `2.0.0-rc.1` is not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const negotiate = (
  vsn: string | undefined,
  added: ReadonlyArray<AddedSerializer> = []
): Serializer | undefined => {
  const own = added.find(({ accepts }) => accepts(vsn ?? V1.version))
  if (own !== undefined) return own
  const groups = semver.exec(vsn ?? V1.version)?.groups
  if (groups === undefined || (groups["patch"] === "0" && groups["pre"] !== undefined)) return undefined
  return groups["major"] === "1" ? V1 : V2
}

const identifier = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
const pre = String.raw`(?:-(?<pre>${identifier}(?:\.${identifier})*))?`
const build = String.raw`(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`
const semver = new RegExp(String.raw`^(?<major>[12])\.0\.(?<patch>0|[1-9][0-9]*)${pre}${build}$`)
