/**
 * The presence of a definition and its implementation, made ready to run. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"

/** The codecs of presence. A value that cannot be encoded is a defect: its type was right. */
export interface CompiledPresence {
  readonly encodeKey: (key: unknown) => Effect.Effect<string, never, any>
  readonly decodeKey: (key: string) => Effect.Effect<unknown, SchemaIssue.Issue, any>
  readonly encodeMeta: (meta: unknown) => Effect.Effect<Schema.JsonObject, never, any>
  readonly decodeMeta: (meta: Schema.JsonObject) => Effect.Effect<unknown, SchemaIssue.Issue, any>
  readonly encodeFields: (fields: unknown) => Effect.Effect<Schema.JsonObject, never, any>
}

/** How much one member may be present. */
export interface PresenceLimits {
  readonly maxKeys: number
  readonly maxMetaBytes: number
  readonly maxChanges: number
  readonly windowMillis: number
}

/** The presence of a channel, as its implementation has it. */
export interface ImplementedPresence {
  readonly compiled: CompiledPresence
  readonly limits: PresenceLimits
  /** The shortest time between two diffs, in milliseconds. */
  readonly intervalMillis: number
  readonly fetch:
    | ((keys: ReadonlyArray<unknown>, topic: object) => Effect.Effect<ReadonlyMap<unknown, unknown>, unknown, any>)
    | undefined
}

/** The channel of a presence. */
export interface PresenceChannel {
  readonly built: Context.Context<never>
  /** The decoded parameters of a topic. */
  readonly params: (topic: string) => Effect.Effect<Readonly<Record<string, unknown>>, unknown, any> | undefined
}
