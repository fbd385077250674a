/** A Redis that has lost the end of what it acknowledged: it came back with an older dump, or a replica took over that lagged. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type { Broadcaster } from "fairlead/channel"
import type { TestChannel } from "fairlead/testing/channel"

import { enter, got, Hall, node, Room, until } from "./Nodes.ts"
import type { Node } from "./Nodes.ts"
import { missing, Redis } from "./Redis.ts"
import { Relay } from "./Relay.ts"

const quick = { heartbeat: "100 millis", lease: "600 millis", commandTimeout: "500 millis" } as const

const redisIn = (folder?: string) =>
  Effect.acquireRelease(
    Effect.promise(() => Redis.start(folder)),
    (redis) => Effect.promise(() => redis.kill())
  )

const relayTo = ({ port }: Redis) =>
  Effect.acquireRelease(
    Effect.promise(() => Relay.to(port)),
    (relay) => Effect.sync(() => relay.close())
  )

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fairlead-redis-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Publishes, again until the node has its Redis back; the position. */
const publish = (node: Node, id: string, value: string): Effect.Effect<Broadcaster.Position> =>
  Effect.gen(function* () {
    for (let left = 200; left > 0; left--) {
      const exit = yield* Effect.exit(node.run(Room.publish({ id }, "said", value)))
      if (Exit.isSuccess(exit)) return exit.value!
      yield* Effect.sleep(25)
    }
    return yield* Effect.die(new Error("Redis did not come back"))
  })

/** Succeeds when the replica has all that its primary has. */
const synchronized = (replica: Redis, primary: Redis) =>
  Effect.promise(async () => {
    for (let left = 400; left > 0; left--) {
      const [info] = await replica.command(["INFO", "replication"])
      const [wanted] = await primary.command(["INFO", "replication"])
      const offset = (text: unknown, name: string) => new RegExp(`^${name}:(\\d+)`, "m").exec(String(text))?.[1]
      const isUp = String(info).includes("master_link_status:up")
      if (isUp && offset(info, "slave_repl_offset") === offset(wanted, "master_repl_offset")) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error("The replica did not catch up")
  })

const replicate = (replica: Redis, port: number | undefined) =>
  Effect.promise(() =>
    replica.command(
      ["CONFIG", "SET", "repl-diskless-sync-delay", "0"],
      ["REPLICAOF", ...(port === undefined ? ["NO", "ONE"] : ["127.0.0.1", `${port}`])]
    )
  )

const seesOnly = (client: TestChannel.TestSocket, node: Node, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let listed: ReadonlyArray<string> = []
    for (let left = 300; left > 0; left--) {
      const present = yield* Effect.exit(node.run(Hall.presence({})))
      if (Exit.isSuccess(present)) {
        listed = present.value.present.flatMap(({ key, metas }) => metas.map(({ at }) => `${key} ${at}`)).toSorted()
        if (JSON.stringify([listed, shown(client)]) === JSON.stringify([names, names])) return
      }
      yield* Effect.sleep(20)
    }
    assert.deepStrictEqual([listed, shown(client)], [names, names])
  })

type Metas = Readonly<
  Record<string, { readonly metas: ReadonlyArray<{ readonly phx_ref: string; readonly at: string }> }>
>

const shown = ({ received }: TestChannel.TestSocket): ReadonlyArray<string> => {
  const refs = new Map<string, string>()
  const each = (metas: Metas, use: (ref: string, text: string) => void) => {
    for (const [key, { metas: all }] of Object.entries(metas)) {
      for (const { at, phx_ref: ref } of all) use(ref, `${key} ${at}`)
    }
  }
  for (const { event, payload } of received) {
    if (event === "presence_state") {
      refs.clear()
      each(payload as never, (ref, text) => refs.set(ref, text))
    } else if (event === "presence_diff") {
      const { joins, leaves } = payload as unknown as { readonly joins: Metas; readonly leaves: Metas }
      each(joins, (ref, text) => refs.set(ref, text))
      each(leaves, (ref) => refs.delete(ref))
    }
  }
  return [...refs.values()].toSorted()
}

/** No position names two values, and a member that followed learned of each change of the epoch. */
const assertUnique = (published: ReadonlyArray<readonly [string, Broadcaster.Position]>): void => {
  const positions = published.map(([, { epoch, offset }]) => `${epoch}:${offset}`)
  assert.strictEqual(new Set(positions).size, positions.length, positions.join(" "))
}

describe.skipIf(missing)("a Redis that lost the end of what it had acknowledged", () => {
  it.live("nodes 3.3: comes back with an older dump: no offset of an epoch is used twice, members are notified", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const redis = yield* redisIn(yield* folder)
        const [a, b] = [yield* node(redis.url, quick), yield* node(redis.url, quick)]
        const ann = yield* enter(a, "room:dump", { recover_from: null })
        const hall = yield* enter(a, "hall", { name: "ann" })
        const ben = yield* enter(b, "hall", { name: "ben" })
        const published: Array<readonly [string, Broadcaster.Position]> = []
        const say = (value: string, id = "dump") =>
          Effect.map(publish(b, id, value), (position) => void published.push([`${id} ${value}`, position]))
        for (const n of [1, 2, 3]) yield* say(`kept ${n}`)
        const unwatched: Array<Broadcaster.Position> = []
        for (const n of [1, 2, 3]) unwatched.push(yield* publish(b, "nobody", `kept ${n}`))
        yield* seesOnly(hall, b, ["ann home", "ben home"])
        yield* Effect.promise(() => redis.command(["SAVE"]))
        for (const n of [1, 2]) yield* say(`lost ${n}`)
        unwatched.push(yield* publish(b, "nobody", "lost"))
        // The newest changes of presence are lost too.
        assert.strictEqual((yield* hall.push("hall", "update", "work")).response, "ok")
        yield* enter(b, "hall", { name: "carl" })
        yield* ben.leave("hall")
        yield* seesOnly(hall, b, ["ann work", "carl home"])
        yield* until(() => got(ann).length === 5)

        yield* Effect.promise(() => redis.kill())
        yield* Effect.promise(() => redis.restart())
        for (const n of [1, 2, 3]) yield* say(`later ${n}`)
        unwatched.push(yield* publish(b, "nobody", "later"))
        yield* until(
          () => got(ann).includes("later 3"),
          () => got(ann)
        )
        assertUnique(published)
        assert.strictEqual(new Set(unwatched.map(({ epoch, offset }) => `${epoch}:${offset}`)).size, 5)
        // Her node may be back after the first messages of the new epoch: the discontinuity reports those.
        const later = ["later 1", "later 2", "later 3"].slice(5 - got(ann).length)
        assert.deepStrictEqual(got(ann), ["kept 1", "kept 2", "kept 3", "lost 1", "lost 2", ...later])
        assert.lengthOf(got(ann, "discontinuity"), 1)
        yield* seesOnly(hall, b, ["ann work", "carl home"])
        // A position of the lost end is not complete.
        const [, lost] = published.find(([value]) => value === "dump lost 2")!
        const late = yield* enter(b, "room:dump", { recover_from: `${lost.epoch}:${lost.offset}` })
        assert.deepInclude(got(late, "recovery")[0], { complete: false })
      })
    )
  )

  it.live("nodes 3.3: a replica that lags takes over, and gives way again: no offset of an epoch is used twice", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [primary, replica] = [yield* redisIn(), yield* redisIn()]
        yield* replicate(primary, undefined)
        const replication = yield* relayTo(primary)
        yield* replicate(replica, replication.port)
        yield* synchronized(replica, primary)
        const clients = yield* relayTo(primary)
        const [a, b] = [yield* node(clients.url, quick), yield* node(clients.url, quick)]
        const ann = yield* enter(a, "room:lag", { recover_from: null })
        const hall = yield* enter(a, "hall", { name: "ann" })
        const ben = yield* enter(b, "hall", { name: "ben" })
        const published: Array<readonly [string, Broadcaster.Position]> = []
        const say = (value: string) =>
          Effect.map(publish(b, "lag", value), (position) => void published.push([value, position]))
        const silent: Array<Broadcaster.Position> = []
        const whisper = Effect.map(publish(b, "silent", "x"), (position) => void silent.push(position))
        for (const n of [1, 2, 3]) yield* say(`kept ${n}`)
        yield* whisper
        yield* synchronized(replica, primary)
        replication.lead(undefined)
        for (const n of [1, 2]) yield* say(`lost ${n}`)
        yield* Effect.repeat(whisper, { times: 2 })
        assert.strictEqual((yield* hall.push("hall", "update", "work")).response, "ok")
        yield* ben.leave("hall")
        yield* until(() => got(ann).length === 5)

        yield* replicate(replica, undefined)
        clients.lead(replica.port)
        for (const n of [1, 2, 3]) yield* say(`later ${n}`)
        yield* until(() => got(ann).includes("later 3"))
        assertUnique(published)
        assert.lengthOf(got(ann, "discontinuity"), 1)
        yield* seesOnly(hall, b, ["ann work"])

        // The first primary follows, and takes over again: it is the same process as before, with a log that has lost its end in the meantime.
        yield* replicate(primary, replica.port)
        yield* synchronized(primary, replica)
        yield* replicate(primary, undefined)
        clients.lead(primary.port)
        for (const n of [1, 2]) yield* say(`back ${n}`)
        yield* Effect.repeat(whisper, { times: 4 })
        yield* until(() => got(ann).includes("back 2"))
        assertUnique(published)
        assert.strictEqual(new Set(silent.map(({ epoch, offset }) => `${epoch}:${offset}`)).size, silent.length)
        yield* seesOnly(hall, b, ["ann work"])
      })
    )
  )
})
