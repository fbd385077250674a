/** A node over a broker that does not answer once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Presence } from "fairlead/channel"

import { MemoryServer } from "./MemoryBroker.ts"
import { noFaults } from "./MemoryState.ts"
import { nodeOver } from "./Node.ts"

const entry = (name: string): Presence.PresenceEntry => ({
  id: `member/${name}`,
  key: name,
  ref: name,
  previousRef: undefined,
  meta: {}
})

const twoNodes = Effect.gen(function* () {
  const server = new MemoryServer()
  const links = [server.link(), server.link()] as const
  const nodes = [yield* nodeOver(links[0]), yield* nodeOver(links[1])] as const
  return { server, links, nodes }
})

const settled = TestClock.adjust(1)

describe("a node whose broker does not answer once", () => {
  it.effect("nodes 3.5: lists a topic again within 100 ms, without waiting for the next check", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { links, nodes, server } = yield* twoNodes
        const present = new Set<string>()
        yield* nodes[0].presence.service.watch("room", {
          onSnapshot: () => {},
          onChange: ({ joins }) => {
            for (const { key } of joins) present.add(key)
          }
        })
        yield* nodes[1].presence.service.put("room", entry("ann"))
        yield* settled
        assert.deepStrictEqual([...present], ["ann"])
        // One change is lost on its way, and the list that the next one asks for is not answered.
        links[0].isUp = false
        yield* nodes[1].presence.service.put("room", entry("ben"))
        links[0].isUp = true
        links[0].isSlow = true
        yield* nodes[1].presence.service.put("room", entry("carl"))
        server.faults = { ...noFaults, random: () => 0, fails: 1 }
        links[0].pump()
        yield* settled
        server.faults = noFaults
        assert.deepStrictEqual([...present], ["ann"])
        yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual([...present], ["ann", "ben", "carl"])
      })
    )
  )

  it.effect("nodes 3.2: compares positions again within 100 ms after a reconnect", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { links, nodes, server } = yield* twoNodes
        const heard: Array<unknown> = []
        const retention = { mode: "recoverable", maxMessages: 10, timeToLiveMillis: 60_000, recoveryId: false } as const
        const subscriber = { id: "ann", deliver: ({ payload }: { payload: unknown }) => void heard.push(payload) }
        yield* nodes[0].engine.service.subscribe("room", subscriber, retention)
        links[0].cut()
        yield* nodes[1].engine.service.publish({ topic: "room", event: "said", payload: 1 }, { retention })
        server.faults = { ...noFaults, random: () => 0, fails: 1 }
        links[0].mend()
        yield* settled
        server.faults = noFaults
        assert.deepStrictEqual(heard, [])
        yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual(heard, [1])
      })
    )
  )
})
