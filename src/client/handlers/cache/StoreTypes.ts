/**
 * The operations of a store of responses. Internal to the client part, save the types.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

import type { StoredHead } from "./StoredHead.ts"
import type { CacheStoreError } from "./StoreError.ts"

/**
 * The key of responses. The responses of one key differ in the headers that `Vary` names.
 *
 * @category models
 * @since 0.1.0
 */
export interface CacheKey {
  /** Whose responses they are; empty for everybody's. */
  readonly partition: string
  /** The absolute URL without a fragment, with its query as it is. */
  readonly url: string
  /** The digest of the content of a QUERY request; empty for other methods. */
  readonly content: string
}

/**
 * Which responses are removed, of every partition.
 *
 * @category models
 * @since 0.1.0
 */
export type Invalidation =
  /** Those of one URL. */
  | { readonly _tag: "Url"; readonly url: string }
  /** Those whose URL starts with a text. */
  | { readonly _tag: "Prefix"; readonly prefix: string }
  /** Those of an origin whose `Cache-Groups` has one of these (RFC 9875). */
  | { readonly _tag: "Groups"; readonly origin: string; readonly groups: ReadonlyArray<string> }
  /** Every response. */
  | { readonly _tag: "All" }

/**
 * Takes in the body of a response, piece by piece. The entry is found once it is committed.
 *
 * @category models
 * @since 0.1.0
 */
export interface EntryWriter {
  readonly write: (piece: Uint8Array) => Effect.Effect<void, CacheStoreError>
  /** Makes the entry found, in the place of those that it replaces. */
  readonly commit: (head: StoredHead, replaces: ReadonlyArray<StoredHead>) => Effect.Effect<void, CacheStoreError>
  /** Forgets what was written. */
  readonly abandon: Effect.Effect<void>
}

/** The operations of a store. */
export interface StoreOperations {
  /** The largest body that it takes, in bytes. */
  readonly maxEntryBytes: number
  /** The key of the digests of credentials: as old as the store, and secret. */
  readonly secret: Effect.Effect<string, CacheStoreError>
  /** The heads of a key. Damaged and foreign entries are left out. */
  readonly find: (key: CacheKey) => Effect.Effect<ReadonlyArray<StoredHead>, CacheStoreError>
  /** The body of an entry, in pieces. */
  readonly read: (head: StoredHead) => Stream.Stream<Uint8Array, CacheStoreError>
  /** The body of an entry in one piece that belongs to the store, where it is at hand. */
  readonly peek?: ((head: StoredHead) => Uint8Array | undefined) | undefined
  /** Begins an entry. */
  readonly write: (key: CacheKey) => Effect.Effect<EntryWriter, CacheStoreError>
  /** Puts a head in the place of the one with its id. */
  readonly update: (key: CacheKey, head: StoredHead) => Effect.Effect<void, CacheStoreError>
  /** Removes an entry. */
  readonly remove: (key: CacheKey, head: StoredHead) => Effect.Effect<void, CacheStoreError>
  /** Removes entries by URL, prefix or group. A response of an earlier request is not found later either. */
  readonly invalidate: (invalidation: Invalidation) => Effect.Effect<void, CacheStoreError>
}
