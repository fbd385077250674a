import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import type { Broadcaster } from "fairlead/channel"
import { NatsBroadcaster } from "fairlead/channel/nats"

import { enter, got, Hall, nodeOver, Room, until } from "../nodes/Chat.ts"
import { Cluster } from "./Cluster.ts"
import { missing } from "./Nats.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe.skipIf(missing)("three NATS servers with `replicas: 3`", () => {
  it.live(
    "nodes 3.3: when one server is killed, nothing is lost, no member gets a discontinuity, and all stay present",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const cluster = yield* Effect.acquireRelease(
            Effect.promise(() => Cluster.start()),
            (cluster) => Effect.promise(() => cluster.kill())
          )
          const { urls } = cluster
          // Each node knows all servers; which one it is connected to is left to chance.
          const nodes = yield* Effect.forEach(numbers(3), () =>
            nodeOver(NatsBroadcaster.layer({ url: urls, replicas: 3, heartbeat: "500 millis" }))
          )
          const members = yield* Effect.forEach(nodes, (node) => enter(node, "room:cluster", { recover_from: null }))
          const watching = yield* Effect.forEach(nodes, (node, n) => enter(node, "hall", { name: `n${n}` }))

          const acknowledged = new Map<string, number>()
          const epochs = new Set<string>()
          let attempted = 0
          const publish = Effect.gen(function* () {
            const n = attempted++
            const exit = yield* Effect.exit(nodes[n % 3]!.run(Room.publish({ id: "cluster" }, "said", n)))
            if (Exit.isFailure(exit)) return yield* Effect.as(Effect.sleep(20), undefined)
            const { epoch, offset }: Broadcaster.Position = exit.value!
            epochs.add(epoch)
            acknowledged.set(`${epoch}:${offset}`, n)
            return n
          })
          const publishing = yield* Effect.forkChild(Effect.forever(Effect.andThen(publish, Effect.sleep(5))))
          const more = (count: number) => {
            const wanted = acknowledged.size + count
            return until(
              () => acknowledged.size >= wanted,
              () => [acknowledged.size, wanted]
            )
          }
          yield* more(100)
          yield* Effect.promise(() => cluster.servers[0]!.stop())
          yield* more(200)
          yield* Fiber.interrupt(publishing)
          // The last one ends the history.
          let last: number | undefined
          while (last === undefined) last = yield* publish
          for (const member of members) {
            yield* until(
              () => got(member).includes(last),
              () => got(member).length
            )
          }

          assert.strictEqual(epochs.size, 1)
          for (const member of members) {
            const said = member.received.filter(({ event }) => event === "said")
            assert.isEmpty(got(member, "discontinuity"))
            // Offsets without a gap, each event once.
            assert.deepStrictEqual(
              said.map(({ position }) => Number(position!.split(":")[1])),
              numbers(said.length).map((index) => index + 1)
            )
            const byPosition = new Map(said.map(({ payload, position }) => [position!, payload]))
            for (const [position, n] of acknowledged) assert.strictEqual(byPosition.get(position), n, position)
            assert.isEmpty(got(member, "discontinuity"))
            assert.strictEqual(said.length, new Set(said.map(({ payload }) => payload)).size)
          }
          // While the servers elect a leader, a list fails.
          const listed = Effect.exit(nodes[0]!.run(Hall.presence({})))
          let list = yield* listed
          for (let left = 300; Exit.isFailure(list) && left > 0; left--) {
            yield* Effect.sleep(50)
            list = yield* listed
          }
          const { present } = yield* list
          assert.deepStrictEqual(present.map(({ key }) => key).toSorted(), ["n0", "n1", "n2"])
          for (const client of watching) yield* client.close()
          console.log(`a server was killed: ${acknowledged.size} of ${attempted} events acknowledged, all delivered`)
        })
      )
  )
})
