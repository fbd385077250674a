/**
 * Presence as it is on the wire: keys, each with its metas. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import type { PresenceEntry } from "./Contract.ts"

/** The fields that a channel adds to each key. */
export type FieldsByKey = ReadonlyMap<string, Schema.JsonObject>

/** No fields. */
export const noFields: FieldsByKey = new Map()

// oxlint-disable typescript/no-misused-spread -- JSON objects, which the rule takes for instances of a class

const metaOf = ({ meta, previousRef, ref }: PresenceEntry): Schema.JsonObject =>
  previousRef === undefined ? { ...meta, phx_ref: ref } : { ...meta, phx_ref: ref, phx_ref_prev: previousRef }

/** The keys of entries, each once. */
export const keysOf = (entries: Iterable<PresenceEntry>): ReadonlySet<string> => {
  const keys = new Set<string>()
  for (const { key } of entries) keys.add(key)
  return keys
}

/** Keys with their metas. A key may be any text, `__proto__` too. */
export const stateOf = (entries: Iterable<PresenceEntry>, fields: FieldsByKey): Schema.JsonObject => {
  const metas = new Map<string, Array<Schema.JsonObject>>()
  for (const entry of entries) {
    const present = metas.get(entry.key)
    if (present === undefined) metas.set(entry.key, [metaOf(entry)])
    else present.push(metaOf(entry))
  }
  return Object.fromEntries(Array.from(metas, ([key, metas]) => [key, { ...fields.get(key), metas }]))
}
