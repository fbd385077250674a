/**
 * Where sessions and idempotency keys are kept: in memory, SQLite, PostgreSQL and Redis. The last two are real.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { NodeRedis } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import type { Scope } from "effect"
import { Persistence, Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { SqliteKeyValueStore } from "fairlead/client/node"
import { IdempotencyStore, SessionStore } from "fairlead/server/middleware"
import { afterAll } from "vitest"

import { engine } from "../../kit/Engines.ts"
import * as SqliteClient from "../../kit/SqliteClient.ts"

/** A place. Two Layers of it are two nodes, each with its own connection. */
export interface StorePlace {
  readonly name: string
  readonly missing: boolean
  readonly sessions: Layer.Layer<SessionStore>
  readonly keys: Layer.Layer<IdempotencyStore> | undefined
  /** All that is stored, as text. */
  readonly content: Effect.Effect<string>
}

/** Redis without a queue while it is away: with one, Effect's client waits at its end for the queued commands. */
export const redisAt = (url: string) => Layer.orDie(NodeRedis.layer({ url, disableOfflineQueue: true }))

/** PostgreSQL. */
export const postgresAt = (url: string) => Layer.orDie(PgClient.layer({ url: Redacted.make(url) }))

/** Sessions in Redis. */
export const sessionsInRedis = (url: string) =>
  SessionStore.layer.pipe(Layer.provide(Persistence.layerBackingRedis), Layer.provide(redisAt(url)))

/** Sessions in a database. */
export const sessionsIn = (database: Layer.Layer<SqlClient.SqlClient>) =>
  SessionStore.layer.pipe(Layer.provide(Persistence.layerBackingSql), Layer.provide(database))

const allIn = <R>(layer: Layer.Layer<R>, read: Effect.Effect<unknown, unknown, R | Scope.Scope>) =>
  read.pipe(
    Effect.map((all) => JSON.stringify(all, (_, value) => (typeof value === "bigint" ? String(value) : value))),
    Effect.provide(Layer.fresh(layer)),
    Effect.scoped,
    Effect.orDie
  )

const rows = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT * FROM effect_persistence`)

const sqlPlace = (name: string, missing: boolean, database: Layer.Layer<SqlClient.SqlClient>): StorePlace => ({
  name,
  missing,
  sessions: Layer.fresh(sessionsIn(database)),
  keys: Layer.fresh(Layer.orDie(Layer.provide(IdempotencyStore.layerSql, database))),
  content: allIn(database, rows)
})

/** Every place. Call it at the top of a test file. */
export const storePlaces = async (): Promise<ReadonlyArray<StorePlace>> => {
  const [redis, postgres] = [await engine("redis"), await engine("postgres")]
  const folder = mkdtempSync(join(tmpdir(), "fairlead-stores-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const memory = Effect.runSync(
    Effect.scoped(
      Layer.build(
        Layer.merge(Layer.provide(SessionStore.layer, Persistence.layerBackingMemory), IdempotencyStore.layerMemory)
      )
    )
  )
  const pairs = Layer.orDie(SqliteKeyValueStore.layer({ filename: join(folder, "pairs.db") }))
  return [
    {
      name: "memory",
      missing: false,
      sessions: Layer.succeedContext(memory),
      keys: Layer.succeedContext(memory),
      content: Effect.succeed("")
    },
    sqlPlace("SQLite", false, SqliteClient.layer(join(folder, "sql.db"))),
    {
      name: "a KeyValueStore in SQLite",
      missing: false,
      sessions: Layer.fresh(SessionStore.layer.pipe(Layer.provide(Persistence.layerBackingKvs), Layer.provide(pairs))),
      keys: undefined,
      content: allIn(
        Layer.provideMerge(SqliteClient.layer(join(folder, "pairs.db")), pairs),
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT * FROM fairlead_kvs`)
      )
    },
    sqlPlace("PostgreSQL", postgres.missing, postgresAt(postgres.url)),
    {
      name: "Redis",
      missing: redis.missing,
      sessions: Layer.fresh(sessionsInRedis(redis.url)),
      keys: Layer.fresh(Layer.provide(IdempotencyStore.layerRedis, redisAt(redis.url))),
      content: allIn(
        redisAt(redis.url),
        Effect.flatMap(Redis.Redis, ({ send }) =>
          Effect.flatMap(send<Array<string>>("KEYS", "*sessions*"), (keys) =>
            Effect.map(send<Array<string>>("MGET", ...keys), (values) => [keys, values])
          )
        )
      )
    }
  ]
}

/** Every place that can keep idempotency keys. */
export const keyPlaces = async () =>
  (await storePlaces()).flatMap(({ keys, ...place }) => (keys === undefined ? [] : [{ ...place, keys }]))
