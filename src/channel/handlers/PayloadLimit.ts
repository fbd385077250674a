/**
 * Bounds how large the payloads of clients may be, by topic and event, far below what a frame may have.
 *
 * 1. The first rule that fits decides; without a fitting rule `maxBytes` does. A join is the event `phx_join`.
 * 2. Bytes count as they are, JSON as the bytes of UTF-8 that it has without spaces. The counting ends where the limit is passed.
 * 3. A payload above the limit is refused: `{"reason":"payload too large","max_bytes":n}`. The channel goes on.
 *
 * Order: before handlers that read payloads. The frame was read and parsed by then: `maxFrameBytes` of the mount bounds that.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ChannelHandler from "../ChannelHandler.ts"
import type { Payload } from "../Payload.ts"
import * as Reserved from "../wire/Reserved.ts"
import { byteLength } from "../wire/Utf8.ts"

/**
 * A limit of some payloads.
 *
 * @category models
 * @since 0.1.0
 */
export interface PayloadRule {
  /** The topic; a final `*` matches any rest. Default: all. */
  readonly topic?: string
  /** The event; a final `*` matches any rest. Default: all. */
  readonly event?: string
  readonly maxBytes: ByteSize.Input
}

/**
 * Options of `payloadLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PayloadLimitOptions {
  /** The limit where no rule fits. Default: 64 KiB, 65536. */
  readonly maxBytes?: ByteSize.Input
  /** Its name. Default: `payloadLimit`. */
  readonly name?: string
  /** Default: none. */
  readonly rules?: ReadonlyArray<PayloadRule>
}

const matcher = (pattern = "*"): ((text: string) => boolean) => {
  if (!pattern.endsWith("*")) return (text) => text === pattern
  const prefix = pattern.slice(0, -1)
  return (text) => text.startsWith(prefix)
}

/** Counts the bytes of JSON without spaces, until there are more than `max`. */
const countJson = (json: Schema.Json, max: number): number => {
  if (typeof json === "string") return json.length > max ? json.length : byteLength(JSON.stringify(json))
  if (typeof json !== "object" || json === null) return String(json).length
  // Before each value there is a bracket or a comma.
  let bytes = 0
  const add = (key: number, value: Schema.Json): boolean => {
    bytes += 1 + key
    bytes += countJson(value, max - bytes)
    return bytes > max
  }
  if (Array.isArray(json)) {
    for (const value of json as Schema.JsonArray) if (add(0, value)) return bytes
  } else {
    for (const [name, value] of Object.entries(json)) {
      if (add(countJson(name, max - bytes) + 1, value)) return bytes
    }
  }
  return bytes === 0 ? 2 : bytes + 1
}

const sizeOf = (payload: Payload, max: number): number =>
  payload instanceof Uint8Array ? payload.length : countJson(payload, max)

/**
 * Bounds how large the payloads of clients may be.
 *
 * **Example** (A kilobyte, but for uploads)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { payloadLimit } from "fairlead/channel/handlers"
 *
 * const limit = payloadLimit({ maxBytes: 1024, rules: [{ topic: "files:*", event: "upload", maxBytes: 500_000 }] })
 * const server = ChannelServer.make("realtime").use(limit)
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const payloadLimit = ({
  maxBytes = 65_536,
  name: given,
  rules = []
}: PayloadLimitOptions = {}): ChannelHandler.ChannelHandler => {
  const name = nameOr("payloadLimit", given)
  const check = checkOptions(name)
  const otherwise = check.bytes("maxBytes", maxBytes)
  const compiled = rules.map(({ event, maxBytes, topic }) => ({
    topic: matcher(topic),
    event: matcher(event),
    maxBytes: check.bytes("rules.maxBytes", maxBytes, 0)
  }))
  const limited = (
    topic: string,
    event: string,
    payload: Payload
  ): void | Effect.Effect<never, ChannelHandler.Reject> => {
    const rule = compiled.find((rule) => rule.topic(topic) && rule.event(event))
    const maxBytes = rule?.maxBytes ?? otherwise
    if (sizeOf(payload, maxBytes) <= maxBytes) return undefined
    return Effect.fail(
      new ChannelHandler.Reject({ reason: "payload too large", status: 413, details: { max_bytes: maxBytes } })
    )
  }
  return ChannelHandler.make(name, {
    join: ({ payload, topic }) => limited(topic, Reserved.join, payload),
    incoming: ({ event, payload, topic }) => limited(topic, event, payload)
  })
}
