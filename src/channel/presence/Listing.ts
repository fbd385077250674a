/**
 * Who is present, as values. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { Position } from "../broadcaster/Position.ts"
import type { CompiledPresence } from "./Compiled.ts"
import type { PresenceSnapshot } from "./Contract.ts"

/**
 * Who is present in a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceList<out K, out M> {
  /** The position at which the list is true. */
  readonly position: Position
  /** Each key once, with a meta for each member, in the order in which they were tracked. */
  readonly present: ReadonlyArray<{ readonly key: K; readonly metas: ReadonlyArray<M> }>
}

/** Decodes a snapshot. An entry that another version of the program wrote, and this one cannot decode, is left out and logged. */
export const listOf = (
  topic: string,
  { decodeKey, decodeMeta }: CompiledPresence,
  { entries, position }: PresenceSnapshot
): Effect.Effect<PresenceList<unknown, unknown>, never, any> =>
  Effect.gen(function* () {
    const present = new Map<string, { readonly key: unknown; readonly metas: Array<unknown> }>()
    for (const { key, meta } of entries) {
      const decoded = yield* Effect.exit(Effect.all([decodeKey(key), decodeMeta(meta)]))
      if (Exit.isFailure(decoded)) {
        yield* Effect.logWarning(`An entry of the presence of "${topic}" cannot be decoded`, decoded.cause)
        continue
      }
      const [value, decodedMeta] = decoded.value
      const found = present.get(key)
      if (found === undefined) present.set(key, { key: value, metas: [decodedMeta] })
      else found.metas.push(decodedMeta)
    }
    return { position, present: Array.from(present.values()) }
  })
