/**
 * Orders in PostgreSQL.
 *
 * 1. Each query has `limits.query` to end, the wait for a connection included: a database that has stopped, or has frozen, is `Unavailable` and holds no request.
 * 2. The pool replaces connections that have broken: after an outage the next query works.
 * 3. An order was placed when its INSERT has ended. An order whose answer was lost may be in the database too: retries of clients may place it twice.
 */
import { PgClient, PgMigrator } from "@effect/sql-pg"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"

import { Draft, Order, OrderNotFound, Unavailable } from "./Api.ts"
import { Settings } from "./Settings.ts"

const limits = { query: "2 seconds", connect: "1 second" } as const

/** The connections to the database: they are opened when they are needed. */
export const database = Layer.unwrap(
  Effect.map(Settings, ({ databaseConnections, databaseUrl }) =>
    PgClient.layer({
      url: databaseUrl,
      maxConnections: databaseConnections,
      connectTimeout: limits.connect,
      applicationName: "shop",
      transformQueryNames: snakeCase,
      transformResultNames: camelCase
    })
  )
)

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Places orders and finds them. */
export class Orders extends Context.Service<
  Orders,
  {
    readonly place: (draft: Draft) => Effect.Effect<Order, Unavailable>
    readonly find: (id: number) => Effect.Effect<Order, OrderNotFound | Unavailable>
    /** Fails when the database does not answer. */
    readonly ping: Effect.Effect<void, Unavailable>
    /** Brings the tables up to date. Several processes may do so at once. */
    readonly migrate: Effect.Effect<void, Unavailable>
  }
>()("shop/Orders") {}

const Row = Order.mapFields((fields) => ({ ...fields, placedAt: Schema.DateTimeUtcFromDate }))

/** Any failure of the database, or none within its time, as the one error that clients see. */
const answered = <A, E, R>(operation: string, query: Effect.Effect<A, E, R>): Effect.Effect<A, Unavailable, R> =>
  query.pipe(
    Effect.timeout(limits.query),
    Effect.tapError((error) => Effect.logWarning(`The database failed in "${operation}"`, error)),
    Effect.mapError(() => new Unavailable())
  )

export const ordersLive = Layer.effect(
  Orders,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const insert = SqlSchema.findOne({
      Request: Draft,
      Result: Row,
      execute: (draft) => sql`INSERT INTO orders ${sql.insert(draft)} RETURNING id, item, quantity, placed_at`
    })
    const select = SqlSchema.findOneOption({
      Request: Schema.Int,
      Result: Row,
      execute: (id) => sql`SELECT id, item, quantity, placed_at FROM orders WHERE id = ${id}`
    })
    const tables = sql`CREATE TABLE orders (
      id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      item TEXT NOT NULL,
      quantity INTEGER NOT NULL,
      placed_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )`
    const migrations = PgMigrator.make({})({ loader: Effect.succeed([[1, "orders", Effect.succeed(tables)]]) })
    return Orders.of({
      place: (draft) => answered("place", insert(draft)),
      find: (id) =>
        Effect.flatMap(answered("find", select(id)), (found) =>
          Option.match(found, { onNone: () => Effect.fail(new OrderNotFound({ id })), onSome: Effect.succeed })
        ),
      ping: Effect.asVoid(answered("ping", sql`SELECT 1`)),
      migrate: Effect.asVoid(answered("migrate", Effect.provideService(migrations, SqlClient.SqlClient, sql)))
    })
  })
)
