/**
 * The serializer of Supabase's client in its version 2.0.0: Phoenix's, with two kinds of binary frames for the event `broadcast`.
 *
 * | kind | direction | sizes, one byte each | then |
 * |---|---|---|---|
 * | 3 | client to server | join_ref, ref, topic, user event, metadata; the encoding | the texts, the payload |
 * | 4 | server to client | topic, user event, metadata; the encoding | the texts, the payload |
 *
 * The encoding is 1 for JSON and 0 for bytes. A channel gets `{ type, event, payload }`, and in place of a payload of bytes `base64`.
 */
import { Result } from "effect"
import type { Schema } from "effect"
import { Base64 } from "effect/encoding"
import { ChannelServer } from "fairlead/channel"

const [userPush, userBroadcast] = [3, 4]
const [rawBytes, json] = [0, 1]

const decoder = new TextDecoder("utf-8", { fatal: true })
const encoder = new TextEncoder()

/** The texts of a frame by their sizes, and what follows them; nothing where the frame is too short. */
const read = (frame: Uint8Array, count: number) => {
  let at = count + 2
  const sizes = frame.subarray(1, count + 1)
  if (frame.length < at + sizes.reduce((sum, size) => sum + size, 0)) return undefined
  const texts = Array.from(sizes, (size) => decoder.decode(frame.subarray(at, (at += size))))
  return { texts, encoding: frame[count + 1], payload: frame.subarray(at) }
}

const decodeUserPush = (frame: Uint8Array): ChannelServer.Incoming | ChannelServer.Undecodable => {
  try {
    const found = read(frame, 5)
    if (found === undefined) return new ChannelServer.Undecodable("Supabase: the frame is cut off")
    const [joinRef = "", ref = "", topic = "", event = ""] = found.texts
    const carried: Omit<UserBroadcast, "event"> =
      found.encoding === json
        ? { payload: JSON.parse(decoder.decode(found.payload)) as Schema.Json }
        : { base64: Base64.encode(found.payload) }
    return {
      joinRef: joinRef === "" ? null : joinRef,
      ref: ref === "" ? null : ref,
      topic,
      event: "broadcast",
      payload: { type: "broadcast", event, ...carried }
    }
  } catch {
    return new ChannelServer.Undecodable("Supabase: the frame is no UTF-8 or no JSON")
  }
}

interface UserBroadcast {
  readonly event: string
  readonly base64?: string
  readonly payload?: Schema.Json
}

const isUserBroadcast = (payload: unknown): payload is UserBroadcast =>
  typeof payload === "object" && payload !== null && "event" in payload && typeof payload.event === "string"

const encodeUserBroadcast = (topic: string, { base64, event, payload = {} }: UserBroadcast): Uint8Array | undefined => {
  const texts = [topic, event, ""].map((text) => encoder.encode(text))
  const bytes = base64 === undefined ? undefined : Result.getOrUndefined(Base64.decode(base64))
  const body = bytes ?? encoder.encode(JSON.stringify(payload))
  if (texts.some(({ length }) => length > 255)) return undefined
  const sizes = texts.map(({ length }) => length)
  const header = [userBroadcast, ...sizes, bytes === undefined ? json : rawBytes]
  return Uint8Array.from([...header, ...texts.flatMap((text) => [...text]), ...body])
}

/** For a mount of Supabase's client. It speaks 2.0.0 in place of Phoenix's serializer, which it extends. */
export const supabase: ChannelServer.AddedSerializer = {
  ...ChannelServer.serializerV2,
  version: "supabase 2.0.0",
  // Its frames have no room for positions.
  carriesPositions: false,
  accepts: (vsn) => vsn === "2.0.0",
  decode: (frame, limits) =>
    typeof frame !== "string" && frame[0] === userPush
      ? decodeUserPush(frame)
      : ChannelServer.serializerV2.decode(frame, limits),
  broadcast: (topic, event, payload, position) =>
    event === "broadcast" && isUserBroadcast(payload)
      ? encodeUserBroadcast(topic, payload)
      : ChannelServer.serializerV2.broadcast(topic, event, payload, position)
}
