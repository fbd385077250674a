/**
 * Where a client cache keeps responses.
 *
 * **Example** (One store for two clients)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { cache, CacheStore } from "fairlead/client/handlers"
 *
 * const store = CacheStore.makeMemory({ maxBytes: "64 MiB" })
 * const api = ClientChain.make("api").use(cache({ store }))
 * const pages = ClientChain.make("pages").use(cache({ store }))
 *
 * const forgetRooms = store.invalidate({ _tag: "Prefix", prefix: "https://api.example.com/rooms" })
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"

import { makeKvs } from "./KvsStore.ts"
import type { KvsStoreOptions } from "./KvsStore.ts"
import { makeMemory } from "./MemoryStore.ts"
import type { MemoryStoreOptions } from "./MemoryStore.ts"
import type { StoreOperations } from "./StoreTypes.ts"

/**
 * Keeps responses, their heads apart from their bodies.
 *
 * @category services
 * @since 0.1.0
 */
export class CacheStore extends Context.Service<CacheStore, StoreOperations>()("fairlead/client/handlers/CacheStore") {
  /**
   * A store in memory.
   *
   * @since 0.1.0
   */
  static makeMemory(options: MemoryStoreOptions = {}): StoreOperations {
    return makeMemory(options)
  }

  /**
   * A store in memory, as a layer.
   *
   * @since 0.1.0
   */
  static layerMemory(options: MemoryStoreOptions = {}): Layer.Layer<CacheStore> {
    return Layer.sync(CacheStore, () => makeMemory(options))
  }

  /**
   * A store in a `KeyValueStore`: files, SQL, Redis, the storage of a browser. It outlives the process, and several processes may use it.
   *
   * **Example** (In files)
   *
   * ```ts
   * import { NodeServices } from "@effect/platform-node"
   * import { Effect, Layer } from "effect"
   * import { KeyValueStore } from "effect/persistence"
   * import { ClientChain } from "fairlead/client"
   * import { cache, CacheStore } from "fairlead/client/handlers"
   *
   * const files = KeyValueStore.layerFileSystem("./cache").pipe(Layer.provide(NodeServices.layer))
   *
   * const chain = Effect.map(CacheStore.makeKvs(), (store) => ClientChain.make("api").use(cache({ store }))).pipe(
   *   Effect.provide(files)
   * )
   * ```
   *
   * @since 0.1.0
   */
  static makeKvs(options: KvsStoreOptions = {}): Effect.Effect<StoreOperations, never, KeyValueStore.KeyValueStore> {
    return makeKvs(options)
  }

  /**
   * A store in a `KeyValueStore`, as a layer.
   *
   * @since 0.1.0
   */
  static layerKvs(options: KvsStoreOptions = {}): Layer.Layer<CacheStore, never, KeyValueStore.KeyValueStore> {
    return Layer.effect(CacheStore, makeKvs(options))
  }
}
