/**
 * A broker that holds who is present on all nodes, as the engine of a node uses it. Internal to the channel part.
 *
 * A node holds one lease for each group of topics, under an incarnation. An entry counts only while the lease of its incarnation lives.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Position } from "../broadcaster/Position.ts"
import type { PresenceEntry } from "../presence/Contract.ts"

/** An entry, and the incarnation of the node that holds it. */
export interface HeldEntry extends PresenceEntry {
  readonly incarnation: string
}

/** A change as it arrives. */
export type PresenceMessage =
  | { readonly _tag: "Put"; readonly position: Position; readonly entry: HeldEntry }
  | { readonly _tag: "Remove"; readonly position: Position; readonly ids: ReadonlyArray<string> }

/** All who are present. */
export interface HeldSnapshot {
  readonly position: Position
  readonly entries: ReadonlyArray<HeldEntry>
}

/** What a node asks of a broker. Operations end within the broker's own time-out, and one that failed may have taken effect. */
export interface PresenceBroker {
  /** The group of a topic. A broker that can check every lease with every change has one group. */
  readonly groupOf: (topic: string) => string
  /** Takes a lease. */
  readonly lease: (incarnation: string) => Effect.Effect<void, unknown>
  /** Renews a lease; false where it has expired. */
  readonly renew: (incarnation: string) => Effect.Effect<boolean, unknown>
  readonly release: (incarnation: string) => Effect.Effect<void, unknown>
  /** Those of some incarnations whose leases have certainly expired. */
  readonly expired: (incarnations: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, unknown>
  /** Adds or replaces an entry; false where the lease of its incarnation has expired. */
  readonly put: (topic: string, entry: HeldEntry) => Effect.Effect<boolean, unknown>
  readonly remove: (topic: string, ids: ReadonlyArray<string>) => Effect.Effect<void, unknown>
  /** Removes the entries of expired incarnations in one change, and lists the others. */
  readonly list: (topic: string) => Effect.Effect<HeldSnapshot, unknown>
  /** The position of the last change. */
  readonly position: (topic: string) => Effect.Effect<Position | undefined, unknown>
  readonly subscribe: (topic: string, onMessage: (message: PresenceMessage) => void) => Effect.Effect<void, unknown>
  readonly unsubscribe: (topic: string, onMessage: (message: PresenceMessage) => void) => Effect.Effect<void>
}
