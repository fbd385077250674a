/**
 * The fields that a channel adds to present keys. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { ImplementedPresence, PresenceChannel } from "./Compiled.ts"
import { noFields } from "./Rendering.ts"
import type { FieldsByKey } from "./Rendering.ts"
import type { TopicSettings } from "./TopicPresence.ts"

const fetchTimeout = "5 seconds"

const asked = (
  { built, params }: PresenceChannel,
  { compiled: { decodeKey, encodeFields, encodeKey }, fetch }: ImplementedPresence,
  topic: string,
  keys: ReadonlySet<string>
): Effect.Effect<FieldsByKey, unknown> =>
  Effect.gen(function* () {
    const known: Array<unknown> = []
    for (const key of keys) {
      const decoded = yield* Effect.exit(decodeKey(key))
      // A node with another version of the program tracked it.
      if (Exit.isSuccess(decoded)) known.push(decoded.value)
    }
    const found: ReadonlyMap<unknown, unknown> = yield* fetch!(known, { topic, params: yield* params(topic)! })
    const fields = new Map<string, Effect.Success<ReturnType<typeof encodeFields>>>()
    for (const [key, value] of found) fields.set(yield* encodeKey(key), yield* encodeFields(value))
    return fields
  }).pipe(
    Effect.timeoutOrElse({
      duration: fetchTimeout,
      orElse: () => Effect.die(new Error(`The fetch of presence took longer than ${fetchTimeout}`))
    }),
    Effect.provideContext(built as Context.Context<any>)
  )

/** The fetch of a channel; nothing where it has no such hook. A fetch that dies is logged, and its keys have no fields. */
export const fetchOf = (
  channel: PresenceChannel,
  presence: ImplementedPresence,
  logDefect: (topic: string, cause: Cause.Cause<unknown>) => void
): TopicSettings["fetch"] =>
  presence.fetch === undefined
    ? undefined
    : (topic, keys) =>
        Effect.catchCause(
          Effect.suspend(() => asked(channel, presence, topic, keys)),
          (cause) => {
            logDefect(topic, cause)
            return Effect.succeed(noFields)
          }
        )
