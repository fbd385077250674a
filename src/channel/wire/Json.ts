/**
 * JSON that a client sent, as a frame. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import { readJson } from "../../core/heads/BoundedJson.ts"
import { Undecodable } from "../Serializer.ts"

/** The value of a frame. `maxDepth` bounds the values inside of it: the outermost array or object does not count. */
export const parseJson = (text: string, maxDepth: number): Schema.Json | Undecodable => {
  const read = readJson(text, maxDepth)
  if ("value" in read) return read.value
  const { fault } = read
  return new Undecodable(
    "message" in fault
      ? `not JSON: ${excerpt(fault.message)}`
      : `nested more than ${maxDepth} deep at character ${fault.deeperAt}`
  )
}

// The engine's message may quote the client, who may have sent escape sequences for the terminal of whoever reads the log.
const excerpt = (message: string): string =>
  message.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
