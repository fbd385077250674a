import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"

import { enter, until } from "../nodes/Chat.ts"
import { present, presenceContract, sees } from "../nodes/contract/PresenceContract.ts"
import type { Diff } from "../nodes/contract/PresenceContract.ts"
import { node } from "./Nodes.ts"
import { missing, Redis, redisKind } from "./Redis.ts"

presenceContract(redisKind)

describe.skipIf(missing)("presence over Redis alone", () => {
  let redis: Redis
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.kill())

  const quick = { heartbeat: "100 millis", lease: "600 millis", commandTimeout: "500 millis" } as const

  it.live(
    "nodes 3.5: the entries of a lease that ended are removed in one change, and its node's writes are refused",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = [
            yield* node(redis.url, { ...quick, lease: "5 seconds", heartbeat: "2 seconds" }),
            yield* node(redis.url, quick)
          ]
          const clients = yield* Effect.forEach(["x", "y", "z"], (name) => enter(a, "hall", { name }))
          const watcher = yield* enter(b, "hall")
          yield* sees(watcher, "x home", "y home", "z home")
          const before = watcher.received.length
          // What a node is that stood still for longer than its lease.
          const [keys] = yield* Effect.promise(() => redis.command(["KEYS", "fairlead:lease:*"]))
          const own = yield* leaseOf(redis)
          assert.isAtLeast((keys as ReadonlyArray<string>).length, 2)
          yield* Effect.promise(() => redis.command(["DEL", `fairlead:lease:${own}`]))
          yield* until(() => watcher.received.length > before)
          const { joins, leaves } = watcher.received[before]!.payload as unknown as Diff
          assert.deepStrictEqual([Object.keys(joins), Object.keys(leaves).toSorted()], [[], ["x", "y", "z"]])
          // The node lives: under a new incarnation its members are present again, each once.
          yield* clients[0]!.push("hall", "update", "work")
          yield* sees(watcher, "x work", "y home", "z home")
          assert.deepStrictEqual(yield* present(b), ["x work", "y home", "z home"])
        })
      )
  )

  it.live("nodes 3.5: the members of a node that is gone are removed after its lease", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const b = yield* node(redis.url, quick)
        const watcher = yield* enter(b, "hall")
        const ids = ["g1", "g2"]
        // What a killed process leaves behind: entries under a lease that nobody renews.
        const lease = "fairlead:lease:killed"
        const [entries, changes] = ["fairlead:{hall}:present", "fairlead:{hall}:changes"]
        const rows = ids.flatMap((id) => [id, `killed ${id}.1 1 ${JSON.stringify([id, id, null, { at: "home" }])}`])
        yield* Effect.promise(() =>
          redis.command(["SET", lease, "1", "PX", "600"], ["HSET", entries, ...rows], ["HINCRBY", changes, "o", "1"])
        )
        const late = yield* enter(yield* node(redis.url, quick), "hall")
        yield* sees(late, "g1 home", "g2 home")
        yield* sees(late)
        yield* sees(watcher)
      })
    )
  )
})

/** The incarnation under which `x` is present. */
const leaseOf = (redis: Redis) =>
  Effect.promise(async () => {
    const [rows] = await redis.command(["HVALS", "fairlead:{hall}:present"])
    return (rows as ReadonlyArray<string>).find((row) => row.includes('"x"'))!.split(" ")[0]!
  })
