/**
 * The types of presence in a definition and its implementation. Public through `ChannelApi`.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import type { Presence } from "./presence/Contract.ts"
import type { PresenceList } from "./presence/Listing.ts"
import type { PresenceError } from "./presence/PresenceError.ts"

/**
 * The presence of a definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceSchemas {
  /** The key under which members are present, such as the id of a user; encoded as a string. Default: a string. */
  readonly key?: Schema.ConstraintCodec<any, string, any, any> | undefined
  /** The meta of each member, encoded as a JSON object. */
  readonly meta: Schema.ConstraintCodec<any, object, any, any>
  /** The fields that `fetch` adds to each key, next to its metas; encoded as a JSON object. */
  readonly fields?: Schema.ConstraintCodec<any, object, any, any> | undefined
}

/**
 * Options of a channel's presence.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceOptions {
  /** The shortest time between two diffs to a member: changes in between are one diff. Default: 100 milliseconds. */
  readonly diffInterval?: Duration.Input | undefined
  /** How many keys one member may be present under. Default: 10. */
  readonly maxKeys?: number | undefined
  /** The largest meta, by the bytes of its JSON. Default: 4 KiB. */
  readonly maxMetaBytes?: ByteSize.Input | undefined
  /** How many times one member may track and update in a `window`. Default: 20. */
  readonly maxChanges?: number | undefined
  /** Default: 10 seconds. */
  readonly window?: Duration.Input | undefined
}

/** The presence of a definition; never where it declares no presence. */
type PresenceOf<D> = D extends { readonly presence: infer P extends PresenceSchemas } ? P : never

type TypeOf<S> = S extends Schema.Constraint ? S["Type"] : never
type Services<S> = S extends Schema.Constraint ? S["EncodingServices"] | S["DecodingServices"] : never

/** The key of a present member. */
export type PresenceKey<D> = PresenceOf<D> extends { readonly key: infer S } ? TypeOf<S> : string
/** The meta of a present member. */
export type PresenceMeta<D> = PresenceOf<D> extends { readonly meta: infer S } ? TypeOf<S> : never
/** The fields that are added to a key. */
export type PresenceFields<D> = PresenceOf<D> extends { readonly fields: infer S } ? TypeOf<S> : never

/** What presence needs to encode and decode keys and metas. */
export type PresenceCodecServices<D> = Services<PresenceOf<D>[keyof PresenceOf<D>]>

/** The service that a mounted channel with presence needs. */
export type PresenceServiceOf<C> = C extends { readonly definition: infer D }
  ? [PresenceOf<D>] extends [never]
    ? never
    : Presence
  : never

/** `unknown` for a definition with presence. */
export type WithPresence<D> = [PresenceOf<D>] extends [never]
  ? { readonly "the definition declares no presence": never }
  : unknown

/**
 * The presence of a joined channel with the definition `D`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemberPresence<D> {
  /** Makes this member present under a key, until it is untracked or its channel ends. */
  track(key: PresenceKey<D>, meta: PresenceMeta<D>): Effect.Effect<void, PresenceError>
  /** Replaces the meta of a key that this member is tracked under. */
  update(key: PresenceKey<D>, meta: PresenceMeta<D>): Effect.Effect<void, PresenceError>
  /** Ends the presence of this member under a key; without a key, under all of them. */
  untrack(key?: PresenceKey<D>): Effect.Effect<void>
  /** All who are present in the topic, as this node knows it. */
  readonly list: Effect.Effect<PresenceList<PresenceKey<D>, PresenceMeta<D>>>
  /** The same as the JSON that clients get by `presence_state`. */
  readonly state: Effect.Effect<Schema.JsonObject>
}

/** The presence of a member, where its definition has presence. */
export type PresenceOfMember<D> = [PresenceOf<D>] extends [never] ? WithPresence<D> : MemberPresence<D>
