/**
 * A message between nodes as text. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

import { Delivery } from "../broadcaster/Contract.ts"
import type { Message } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import { withRecoveryId } from "../broadcaster/TopicLog.ts"
import type { Payload } from "../Payload.ts"

/** A message and who does not get it. */
export interface Opened {
  readonly delivery: Delivery
  readonly except: string | undefined
}

/** The text of a message: `[event, payload, publisher, except]`, or with the bytes of its payload in base64 as a fifth element. */
export const seal = ({ event, payload }: Message, publisher: string | undefined, except: string | undefined): string =>
  payload instanceof Uint8Array
    ? JSON.stringify([event, null, publisher ?? null, except ?? null, Base64.encode(payload)])
    : JSON.stringify([event, payload, publisher ?? null, except ?? null])

const textOr = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** The message of a text; nothing where the text is no message. */
export const open = (
  topic: string,
  body: string,
  position: Position | undefined,
  recoveryId: boolean
): Opened | undefined => {
  let fields: unknown
  try {
    fields = JSON.parse(body)
  } catch {
    return undefined
  }
  if (!Array.isArray(fields)) return undefined
  const [event, json, publisher, except, bytes] = fields as ReadonlyArray<unknown>
  if (typeof event !== "string" || json === undefined) return undefined
  const decoded = typeof bytes === "string" ? Result.getOrUndefined(Base64.decode(bytes)) : undefined
  if (bytes !== undefined && decoded === undefined) return undefined
  const payload: Payload = decoded ?? (json as Schema.Json)
  const stamped = recoveryId && position !== undefined ? withRecoveryId(payload, position) : payload
  return {
    delivery: new Delivery({ topic, event, payload: stamped }, position, textOr(publisher)),
    except: textOr(except)
  }
}
