/**
 * Presence: the contract between the channel server and the engine that knows who is present, in one process or over several nodes.
 *
 * Rules for an engine:
 *
 * 1. A topic's changes have one order, and each has a position. A watcher gets the snapshot first, then every change after it.
 * 2. An update keeps the `id` of its entry: the old one leaves and the new one joins in one change.
 * 3. A `put` that failed leaves no entry: where the engine cannot know, it removes the entry when it is back.
 * 4. An engine that missed changes reports the difference as a change, so that what a watcher knows becomes true again.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import type { BroadcasterUnavailable } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"

/**
 * A member that is present under a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceEntry {
  /** Unique for its member and key, over all nodes. An update keeps it. */
  readonly id: string
  readonly key: string
  /** Unique for each track and update: `phx_ref` on the wire. */
  readonly ref: string
  /** The `ref` before the last update. */
  readonly previousRef: string | undefined
  readonly meta: Schema.JsonObject
}

/**
 * All who are present in a topic, at a position.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceSnapshot {
  readonly position: Position
  /** In the order in which they were tracked. */
  readonly entries: ReadonlyArray<PresenceEntry>
}

/**
 * A change of who is present.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceChange {
  readonly position: Position
  readonly joins: ReadonlyArray<PresenceEntry>
  readonly leaves: ReadonlyArray<PresenceEntry>
  /** The keys that were not present before. A second member under one key does not arrive. */
  readonly arrived: ReadonlyArray<string>
  /** The keys that no member is present under any more. */
  readonly departed: ReadonlyArray<string>
}

/**
 * A receiver of the changes of a topic. Its methods are called in the turn of the change: they must be quick.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceWatcher {
  /** Called once, when the watch is active. */
  readonly onSnapshot: (snapshot: PresenceSnapshot) => void
  readonly onChange: (change: PresenceChange) => void
}

/**
 * Knows who is present in which topic. `Broadcaster.layer` provides it for one process, an engine for several nodes.
 *
 * @category services
 * @since 0.1.0
 */
export class Presence extends Context.Service<
  Presence,
  {
    /** Adds an entry, or replaces the one with the same `id`. */
    readonly put: (topic: string, entry: PresenceEntry) => Effect.Effect<void, BroadcasterUnavailable>
    /** Removes entries. An engine that is away removes them when it is back. */
    readonly remove: (topic: string, ids: ReadonlyArray<string>) => Effect.Effect<void>
    /** All who are present. */
    readonly list: (topic: string) => Effect.Effect<PresenceSnapshot, BroadcasterUnavailable>
    /** Watches a topic, and succeeds with the function that ends the watch. An interruption leaves no watch. */
    readonly watch: (topic: string, watcher: PresenceWatcher) => Effect.Effect<() => void, BroadcasterUnavailable>
  }
>()("fairlead/channel/Presence") {}
