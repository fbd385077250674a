/**
 * Idempotency keys in PostgreSQL or SQLite. Internal to the server part.
 *
 * 1. Each step is one statement, so that it is atomic between processes.
 * 2. The clock is that of the database: processes whose clocks differ agree on the end of a lock.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"

import { decodeRecord, encodeRecord, IdempotencyError } from "./IdempotencyRecord.ts"
import type { IdempotencyRecord } from "./IdempotencyRecord.ts"

const failed = Effect.mapError((cause: unknown) => new IdempotencyError({ cause }))

const unsupported = () => new Error("layerSql needs PostgreSQL or SQLite: use another store")

/** How often records that ran out are deleted. */
const cleanUp = "5 minutes"

/** The operations of an `IdempotencyStore` over the database. */
export const sqlStore = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const table = sql("fairlead_idempotency")
  const now = yield* sql.onDialectOrElse({
    pg: () => Effect.succeed(sql.literal("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")),
    sqlite: () => Effect.succeed(sql.literal("CAST(unixepoch('subsec') * 1000 AS INTEGER)")),
    orElse: () => failed(Effect.fail(unsupported()))
  })
  const expiryOf = (timeToLive: Duration.Duration) =>
    sql`${now} + ${sql.literal(String(Math.ceil(Duration.toMillis(timeToLive))))}`

  // Two processes that begin at once can both find no table: PostgreSQL then fails for one of them.
  yield* sql`CREATE TABLE IF NOT EXISTS ${table} (
      id TEXT PRIMARY KEY, owner TEXT NOT NULL, record TEXT NOT NULL, expires BIGINT NOT NULL
    )`.pipe(
    Effect.andThen(sql`CREATE INDEX IF NOT EXISTS fairlead_idempotency_expires ON ${table} (expires)`),
    Effect.retry({ times: 3 }),
    failed
  )
  yield* sql`DELETE FROM ${table} WHERE expires <= ${now}`.pipe(
    Effect.catch((error) => Effect.logWarning("Idempotency keys that ran out cannot be deleted", error)),
    Effect.repeat(Schedule.spaced(cleanUp)),
    Effect.forkScoped
  )

  /** Takes the key where it is free, or where its record ran out; whether it did. */
  const take = (key: string, { owner, ...rest }: IdempotencyRecord, timeToLive: Duration.Duration) =>
    Effect.map(
      sql`INSERT INTO ${table} (id, owner, record, expires)
        VALUES (${key}, ${owner}, ${encodeRecord({ owner, ...rest })}, ${expiryOf(timeToLive)})
        ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, record = excluded.record, expires = excluded.expires
        WHERE ${table}.expires <= ${now} RETURNING id`,
      ({ length }) => length > 0
    )
  const find = (key: string) =>
    sql<{ readonly record: string }>`SELECT record FROM ${table} WHERE id = ${key} AND expires > ${now}`

  const begin = (
    key: string,
    record: IdempotencyRecord,
    timeToLive: Duration.Duration
  ): Effect.Effect<IdempotencyRecord | undefined, IdempotencyError> =>
    Effect.gen(function* () {
      if (yield* failed(take(key, record, timeToLive))) return undefined
      const [present] = yield* failed(find(key))
      // It was freed, or it ran out, between the two statements.
      return present === undefined ? yield* begin(key, record, timeToLive) : yield* failed(decodeRecord(present.record))
    })

  return {
    begin,
    complete: (key: string, record: IdempotencyRecord, timeToLive: Duration.Duration) =>
      failed(
        Effect.map(
          sql`UPDATE ${table} SET record = ${encodeRecord(record)}, expires = ${expiryOf(timeToLive)}
            WHERE id = ${key} AND owner = ${record.owner} AND expires > ${now} RETURNING id`,
          ({ length }) => length > 0
        )
      ),
    release: (key: string, owner: string) =>
      failed(Effect.asVoid(sql`DELETE FROM ${table} WHERE id = ${key} AND owner = ${owner}`))
  }
})
