/**
 * A `KeyValueStore` in one SQLite file, by `node:sqlite`: for a cache or a cookie jar that outlives the process.
 *
 * **Example** (A cache in a file)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { CacheStore } from "fairlead/client/handlers"
 * import { SqliteKeyValueStore } from "fairlead/client/node"
 *
 * const store = CacheStore.layerKvs().pipe(Layer.provide(SqliteKeyValueStore.layer({ filename: "./cache.db" })))
 * ```
 *
 * **Rules**
 *
 * 1. The file has a write-ahead log with `synchronous=NORMAL`: a crash of the machine may lose the last writes, and damages nothing.
 * 2. Several processes may use one file. A write waits up to 250 milliseconds for the lock of another process, then it fails.
 *
 * **Limits**
 *
 * Statements run synchronously, on the thread of the program.
 *
 * @since 0.1.0
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"

import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"

/**
 * Options of a `KeyValueStore` in SQLite.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteKeyValueStoreOptions {
  /** The file, which is made where there is none; `:memory:` is a database in memory. */
  readonly filename: string
}

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS fairlead_kvs (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
`

/** How long a statement waits for the lock of another process, in milliseconds. */
const lockTimeout = 250

/**
 * A `KeyValueStore` in an SQLite file. The file is closed with the layer's scope.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({
  filename
}: SqliteKeyValueStoreOptions): Layer.Layer<KeyValueStore.KeyValueStore, KeyValueStore.KeyValueStoreError> =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(
      Effect.acquireRelease(open(filename), (database) => Effect.sync(() => database.close())),
      makeOver
    )
  )

const open = (filename: string): Effect.Effect<DatabaseSync, KeyValueStore.KeyValueStoreError> =>
  Effect.tryPromise({
    try: async () => {
      // Imported here, since Node 22 warns of an experimental module.
      const { DatabaseSync } = await import("node:sqlite")
      const database = new DatabaseSync(filename, { timeout: lockTimeout })
      try {
        database.exec(schema)
        return database
      } catch (error) {
        database.close()
        throw error
      }
    },
    catch: (cause) => failureOf("open", undefined, cause)
  })

const makeOver = (database: DatabaseSync): KeyValueStore.KeyValueStore => {
  const prepared = <A>(method: string, sql: string, read: (rows: ReadonlyArray<Row>) => A) => {
    const statement = database.prepare(sql)
    return (key?: string, ...rest: ReadonlyArray<SQLInputValue>): Effect.Effect<A, KeyValueStore.KeyValueStoreError> =>
      Effect.try({
        try: () => read(statement.all(...(key === undefined ? [] : [key]), ...rest)),
        catch: (cause) => failureOf(method, key, cause)
      })
  }
  const select = "SELECT value FROM fairlead_kvs WHERE key = ?"
  const set = prepared("set", "INSERT OR REPLACE INTO fairlead_kvs (key, value) VALUES (?, ?)", () => {})
  const clear = prepared("clear", "DELETE FROM fairlead_kvs", () => {})
  const size = prepared("size", "SELECT count(*) AS value FROM fairlead_kvs", ([row]) => Number(row?.["value"]))
  const keys = prepared("keys", "SELECT key FROM fairlead_kvs", (rows) => rows.map((row) => String(row["key"])))
  return KeyValueStore.make({
    get: prepared("get", select, ([row]) => textOf(row?.["value"])),
    getUint8Array: prepared("getUint8Array", select, ([row]) => bytesOf(row?.["value"])),
    set: (key, value) => set(key, value),
    remove: prepared("remove", "DELETE FROM fairlead_kvs WHERE key = ?", () => {}),
    clear: clear(),
    size: size(),
    keys: keys()
  })
}

type Row = Readonly<Record<string, unknown>>

const textOf = (value: unknown): string | undefined =>
  value instanceof Uint8Array ? new TextDecoder().decode(value) : typeof value === "string" ? value : undefined

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === "string" ? new TextEncoder().encode(value) : value instanceof Uint8Array ? value : undefined

const failureOf = (method: string, key: string | undefined, cause: unknown): KeyValueStore.KeyValueStoreError =>
  new KeyValueStore.KeyValueStoreError({
    method,
    ...(key === undefined ? {} : { key }),
    message: "The SQLite file failed: look at the cause, the folder and the free space",
    cause
  })
