/**
 * A `SqlClient` over `node:sqlite`, for tests of SQL on SQLite: one connection to one file.
 */
import { DatabaseSync } from "node:sqlite"
import type { SQLInputValue } from "node:sqlite"

import { Effect, Layer, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, SqlError, Statement } from "effect/sql"
import type { SqlConnection } from "effect/sql"

const connectionTo = (database: DatabaseSync): SqlConnection.Connection => {
  const all = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.try({
      try: () => database.prepare(sql).all(...(params as ReadonlyArray<SQLInputValue>)),
      catch: (cause) => new SqlError.SqlError({ reason: new SqlError.UnknownError({ cause }) })
    })
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(all(sql, params), (rows) => rows.map((row) => Object.values(row)))
  return {
    execute: all,
    executeRaw: all,
    executeUnprepared: all,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, params) => Stream.unwrap(Effect.map(all(sql, params), Stream.fromIterable))
  }
}

/** The client, whose file is closed with the layer's scope. */
export const layer = (filename: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename, { timeout: 1000 })),
        (each) => Effect.sync(() => each.close())
      )
      const acquirers = SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connectionTo(database)),
        semaphore: yield* Semaphore.make(1)
      })
      return yield* SqlClient.make({
        ...acquirers,
        compiler: Statement.makeCompilerSqlite(),
        driver: "node:sqlite",
        spanAttributes: []
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
