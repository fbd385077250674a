/**
 * Stores over each kind of `KeyValueStore`, each empty and closed with its scope.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { NodeRedis, NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import type { Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import { CacheStore, RedisKeyValueStore } from "fairlead/client/handlers"
import type { KvsStoreOptions } from "fairlead/client/handlers"
import { SqliteKeyValueStore } from "fairlead/client/node"

type Store = CacheStore["Service"]

/** The places of stores that processes can share. */
export type Place =
  | { readonly kind: "files" | "sqlite"; readonly path: string }
  | { readonly kind: "redis"; readonly url: string; readonly prefix?: string }

/** An empty folder, removed with the scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fairlead-cache-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The entries of a place. */
export const entriesOf = (place: Place): Layer.Layer<KeyValueStore.KeyValueStore> => {
  switch (place.kind) {
    case "files":
      return Layer.orDie(KeyValueStore.layerFileSystem(place.path).pipe(Layer.provide(NodeServices.layer)))
    case "sqlite":
      return Layer.orDie(SqliteKeyValueStore.layer({ filename: join(place.path, "cache.db") }))
    default:
      return RedisKeyValueStore.layer({ prefix: place.prefix }).pipe(
        Layer.provide(Layer.orDie(NodeRedis.layer({ url: place.url, disableOfflineQueue: true })))
      )
  }
}

/** A store in a place, open until its scope ends. */
export const storeIn = (place: Place, options: KvsStoreOptions = {}): Effect.Effect<Store, never, Scope.Scope> =>
  Effect.flatMap(Layer.build(Layer.fresh(entriesOf(place))), (context) =>
    Effect.provideContext(CacheStore.makeKvs(options), context)
  )
