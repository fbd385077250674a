/**
 * Where the responses of idempotent requests are kept, with a lock for each key that knows its owner.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"

import { Keyed } from "../../core/Keyed.ts"
import { decodeRecord, encodeRecord, IdempotencyError } from "./IdempotencyRecord.ts"
import type { IdempotencyRecord } from "./IdempotencyRecord.ts"
import { sqlStore } from "./IdempotencySql.ts"

export { IdempotencyError } from "./IdempotencyRecord.ts"
export type { IdempotencyRecord, RecordedResponse } from "./IdempotencyRecord.ts"

type Outcome<A> = Effect.Effect<A, IdempotencyError>

/**
 * The store that the middleware `idempotencyKey` uses. Each method is one atomic step.
 *
 * @category services
 * @since 0.1.0
 */
export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    /** Takes a free key for `timeToLive`, or returns the present record of a key in use. */
    readonly begin: (
      key: string,
      record: IdempotencyRecord,
      timeToLive: Duration.Duration
    ) => Outcome<IdempotencyRecord | undefined>
    /** Records the response, if the owner still holds the key; whether it did. */
    readonly complete: (key: string, record: IdempotencyRecord, timeToLive: Duration.Duration) => Outcome<boolean>
    /** Frees the key, if the owner still holds it. */
    readonly release: (key: string, owner: string) => Outcome<void>
  }
>()("fairlead/server/middleware/IdempotencyStore") {
  /** Keys in memory, at most 100,000: for one process, and for tests. Beyond that, the response that was not used for the longest time is forgotten. */
  static readonly layerMemory: Layer.Layer<IdempotencyStore> = Layer.sync(IdempotencyStore, () => {
    interface Entry {
      readonly record: IdempotencyRecord
      readonly expires: number
    }
    const entries = new Keyed<string, Entry>({ maxKeys: 100_000, inUse: ({ record }) => record.response === undefined })
    const live = (key: string, now: number): IdempotencyRecord | undefined => {
      const entry = entries.get(key)
      return entry === undefined || entry.expires <= now ? undefined : entry.record
    }
    const step = <A>(run: (now: number) => A): Effect.Effect<A> => Effect.map(Clock.currentTimeMillis, run)
    const put = (key: string, record: IdempotencyRecord, timeToLive: Duration.Duration, now: number): void =>
      entries.set(key, { record, expires: now + Duration.toMillis(timeToLive) })
    return IdempotencyStore.of({
      begin: (key, record, timeToLive) =>
        step((now) => {
          const present = live(key, now)
          if (present === undefined) put(key, record, timeToLive, now)
          return present
        }),
      complete: (key, record, timeToLive) =>
        step((now) => {
          if (live(key, now)?.owner !== record.owner) return false
          put(key, record, timeToLive, now)
          return true
        }),
      release: (key, owner) =>
        step((now) => {
          if (live(key, now)?.owner === owner) entries.delete(key)
        })
    })
  })

  /** Keys in Redis, for many processes. The store keys begin with `fairlead/idempotency/`. */
  static readonly layerRedis: Layer.Layer<IdempotencyStore, never, Redis.Redis> = Layer.effect(
    IdempotencyStore,
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const failed = Effect.mapError((cause: unknown) => new IdempotencyError({ cause }))
      const nameOf = (key: string): string => `fairlead/idempotency/${key}`
      const millisOf = (timeToLive: Duration.Duration): string => String(Math.ceil(Duration.toMillis(timeToLive)))
      const begin = redis.eval(beginScript)
      const complete = redis.eval(completeScript)
      const release = redis.eval(releaseScript)
      return IdempotencyStore.of({
        begin: (key, record, timeToLive) =>
          failed(
            Effect.flatMap(begin(nameOf(key), encodeRecord(record), millisOf(timeToLive)), (present) =>
              typeof present === "string" ? decodeRecord(present) : Effect.undefined
            )
          ),
        complete: (key, record, timeToLive) =>
          failed(
            Effect.map(
              complete(nameOf(key), record.owner, encodeRecord(record), millisOf(timeToLive)),
              (completed) => completed === 1
            )
          ),
        release: (key, owner) => failed(Effect.asVoid(release(nameOf(key), owner)))
      })
    })
  )

  /**
   * Keys in PostgreSQL or SQLite, for many processes: in the table `fairlead_idempotency`, which is made when it is missing. Times are those of the database. Records that ran out
   * are deleted every five minutes.
   */
  static readonly layerSql: Layer.Layer<IdempotencyStore, IdempotencyError, SqlClient.SqlClient> = Layer.effect(
    IdempotencyStore,
    Effect.map(sqlStore, IdempotencyStore.of)
  )
}

const beginScript = Redis.script((key: string, record: string, millis: string) => [key, record, millis], {
  numberOfKeys: 1,
  lua: `
local present = redis.call("GET", KEYS[1])
if present then return present end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return false`
}).withReturnType<string | null>()

const held = `
local present = redis.call("GET", KEYS[1])
if not present or cjson.decode(present).owner ~= ARGV[1] then return 0 end`

const completeScript = Redis.script(
  (key: string, owner: string, record: string, millis: string) => [key, owner, record, millis],
  { numberOfKeys: 1, lua: `${held}\nredis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])\nreturn 1` }
).withReturnType<number>()

const releaseScript = Redis.script((key: string, owner: string) => [key, owner], {
  numberOfKeys: 1,
  lua: `${held}\nredis.call("DEL", KEYS[1])\nreturn 1`
}).withReturnType<number>()
