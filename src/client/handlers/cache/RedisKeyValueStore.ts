/**
 * A `KeyValueStore` in Redis, over Effect's `Redis` service: for a cache or a cookie jar that several processes share.
 *
 * **Example** (A cache that several processes share)
 *
 * ```ts
 * import { NodeRedis } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { CacheStore, RedisKeyValueStore } from "fairlead/client/handlers"
 *
 * const store = CacheStore.layerKvs().pipe(
 *   Layer.provide(RedisKeyValueStore.layer({ timeToLive: "7 days" })),
 *   Layer.provide(NodeRedis.layer({ url: "redis://127.0.0.1:6379", disableOfflineQueue: true }))
 * )
 * ```
 *
 * **Rules**
 *
 * 1. `clear`, `size` and `keys` are about the keys with the prefix alone, and go through the database by `SCAN`.
 * 2. Bytes are stored as base64: the `Redis` service sends texts.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Redis from "effect/persistence/Redis"

import { checkOptions } from "../../../core/Options.ts"

/**
 * Options of a `KeyValueStore` in Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisKeyValueStoreOptions {
  /** The beginning of its keys in the database. Default: `kvs:`. */
  readonly prefix?: string | undefined
  /** How long an entry is kept after it was written. Default: for ever, Infinity. */
  readonly timeToLive?: Duration.Input | undefined
}

/** How many keys one `SCAN` looks at, and how many keys one `DEL` removes. */
const scanCount = 500

/**
 * A `KeyValueStore` in Redis.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: RedisKeyValueStoreOptions = {}
): Layer.Layer<KeyValueStore.KeyValueStore, never, Redis.Redis> => {
  const check = checkOptions("RedisKeyValueStore")
  const timeToLive = check.duration("timeToLive", options.timeToLive ?? Infinity, { infinite: true })
  const prefix = options.prefix ?? "kvs:"
  const expiry = Duration.isFinite(timeToLive) ? ["PX", String(Math.ceil(Duration.toMillis(timeToLive)))] : []
  return Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(Redis.Redis, (redis) => makeOver(redis, prefix, expiry))
  )
}

const makeOver = (
  redis: Redis.Redis["Service"],
  prefix: string,
  expiry: ReadonlyArray<string>
): KeyValueStore.KeyValueStore => {
  const send = <A>(method: string, key: string | undefined, command: string, ...rest: ReadonlyArray<string>) =>
    Effect.mapError(redis.send<A>(command, ...rest), (cause) => failureOf(method, key, cause))
  const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, "\\$&")}*`
  const scan = (method: string): Effect.Effect<ReadonlyArray<string>, KeyValueStore.KeyValueStoreError> =>
    Effect.gen(function* () {
      // SCAN may return a key more than once.
      const found = new Set<string>()
      let cursor = "0"
      do {
        const args = [cursor, "MATCH", pattern, "COUNT", String(scanCount)]
        const [next, keys] = yield* send<[string, ReadonlyArray<string>]>(method, undefined, "SCAN", ...args)
        for (const key of keys) found.add(key)
        cursor = next
      } while (cursor !== "0")
      return [...found]
    })
  return KeyValueStore.makeStringOnly({
    get: (key) => Effect.map(send<string | null>("get", key, "GET", prefix + key), (value) => value ?? undefined),
    set: (key, value) => Effect.asVoid(send("set", key, "SET", prefix + key, value, ...expiry)),
    remove: (key) => Effect.asVoid(send("remove", key, "DEL", prefix + key)),
    has: (key) => Effect.map(send<number>("has", key, "EXISTS", prefix + key), (count) => count === 1),
    clear: Effect.gen(function* () {
      const keys = yield* scan("clear")
      for (let at = 0; at < keys.length; at += scanCount) {
        yield* send("clear", undefined, "DEL", ...keys.slice(at, at + scanCount))
      }
    }),
    size: Effect.map(scan("size"), (keys) => keys.length),
    keys: Effect.map(scan("keys"), (keys) => keys.map((key) => key.slice(prefix.length)))
  })
}

const failureOf = (method: string, key: string | undefined, cause: unknown): KeyValueStore.KeyValueStoreError =>
  new KeyValueStore.KeyValueStoreError({
    method,
    ...(key === undefined ? {} : { key }),
    message: "Redis failed: look at its connection",
    cause
  })
