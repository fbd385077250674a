import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { TestChannel } from "fairlead/testing/channel"
import { afterAll, beforeAll } from "vitest"

import { enter, Hall, node, until } from "./Nodes.ts"
import type { Node } from "./Nodes.ts"
import { missing, Redis } from "./Redis.ts"

type Metas = Readonly<Record<string, { readonly metas: ReadonlyArray<Readonly<Record<string, string>>> }>>
interface Diff {
  readonly joins: Metas
  readonly leaves: Metas
}

/** Who is present for a client that merges as phoenix.js does, by ref. */
const shown = ({ received }: TestChannel.TestSocket): ReadonlyArray<string> => {
  const refs = new Map<string, string>()
  const each = (metas: Metas, use: (ref: string, text: string) => void) => {
    for (const [key, { metas: all }] of Object.entries(metas)) {
      for (const { at, phx_ref: ref } of all) use(ref!, `${key} ${at}`)
    }
  }
  for (const { event, payload } of received) {
    if (event === "presence_state") {
      refs.clear()
      each(payload as never, (ref, text) => refs.set(ref, text))
    } else if (event === "presence_diff") {
      const { joins, leaves } = payload as unknown as Diff
      each(joins, (ref, text) => refs.set(ref, text))
      each(leaves, (ref) => refs.delete(ref))
    }
  }
  return [...refs.values()].toSorted()
}

const sees = (client: TestChannel.TestSocket, ...expected: ReadonlyArray<string>) =>
  until(
    () => JSON.stringify(shown(client)) === JSON.stringify(expected.toSorted()),
    () => [shown(client), expected]
  )

const present = (node: Node) =>
  Effect.map(node.run(Hall.presence({})), ({ present }) =>
    present.flatMap(({ key, metas }) => metas.map(({ at }) => `${key} ${at}`)).toSorted()
  )

describe.skipIf(missing)("presence over Redis", () => {
  let redis: Redis
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.kill())

  const quick = { heartbeat: "100 millis", lease: "600 millis", commandTimeout: "500 millis" } as const

  it.live("nodes 2: members of all nodes see one another come, change and go", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = [yield* node(redis.url), yield* node(redis.url)]
        const ann = yield* enter(a, "hall", { name: "ann" })
        const ben = yield* enter(b, "hall", { name: "ben" })
        yield* sees(ann, "ann home", "ben home")
        yield* sees(ben, "ann home", "ben home")
        const tab = yield* enter(b, "hall", { name: "ann" })
        assert.strictEqual((yield* ben.push("hall", "update", "work")).response, "ok")
        for (const client of [ann, ben, tab]) yield* sees(client, "ann home", "ann home", "ben work")
        assert.deepStrictEqual(yield* present(a), ["ann home", "ann home", "ben work"])
        yield* tab.close(1006)
        yield* ben.leave("hall")
        yield* sees(ann, "ann home")
        yield* ann.close()
        yield* ann.released
        const watcher = yield* enter(b, "hall")
        yield* sees(watcher)
      })
    )
  )

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

  it.live("nodes 3.5: after Redis was away and came back empty, all who are there are present again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = yield* Effect.acquireRelease(
          Effect.promise(() => Redis.start()),
          (redis) => Effect.promise(() => redis.kill())
        )
        const [a, b] = [yield* node(other.url, quick), yield* node(other.url, quick)]
        const ann = yield* enter(a, "hall", { name: "ann" })
        const ben = yield* enter(b, "hall", { name: "ben" })
        const carl = yield* enter(b, "hall", { name: "carl" })
        yield* sees(ann, "ann home", "ben home", "carl home")
        yield* Effect.promise(() => other.kill())
        yield* Effect.sleep(300)
        // It leaves while nobody can be told.
        yield* carl.close(1006)
        assert.strictEqual((yield* ann.push("hall", "update", "work")).response, "PresenceError")
        yield* Effect.promise(() => other.restart())
        yield* sees(ann, "ann home", "ben home")
        yield* sees(ben, "ann home", "ben home")
        yield* until(() => ann.received.length > 0)
        assert.deepStrictEqual(yield* present(a), ["ann home", "ben home"])
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
