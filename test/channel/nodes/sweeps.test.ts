/** The engine of a node, interrupted at every operation, over a broker in memory. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Presence } from "fairlead/channel"

import { sweeps } from "../../kit/Sweeping.ts"
import { MemoryServer } from "./MemoryBroker.ts"
import { nodeOver } from "./Node.ts"

const make = Effect.gen(function* () {
  const server = new MemoryServer()
  const link = server.link()
  return { server, link, node: yield* nodeOver(link) }
})

type Subject = Effect.Success<typeof make>

const subscriber = (heard: Array<unknown> = []) => ({
  id: "subscriber",
  deliver: ({ payload }: { readonly payload: unknown }) => void heard.push(payload)
})

const watcher = () => ({ onSnapshot: () => {}, onChange: () => {} })

const entry = (ref: string, previousRef?: string): Presence.PresenceEntry => ({
  id: "member/ann",
  key: "ann",
  ref,
  previousRef,
  meta: {}
})

describe("sweeps of a node", () => {
  sweeps("channel subscribe over nodes", {
    make,
    call: ({ node: { engine } }: Subject) => {
      const subscribed = (topic: string) =>
        Effect.acquireRelease(
          Effect.suspend(() => engine.service.subscribe(topic, subscriber())),
          (unsubscribe) => Effect.sync(unsubscribe)
        )
      return Effect.scoped(
        Effect.gen(function* () {
          yield* subscribed("room")
          yield* Effect.all([subscribed("other"), subscribed("other")], { concurrency: "unbounded" })
          yield* engine.service.publish({ topic: "other", event: "said", payload: 1 })
          yield* engine.check
        })
      )
    },
    after: ({ link, node: { engine } }: Subject) =>
      Effect.gen(function* () {
        const heard: Array<unknown> = []
        const unsubscribe = yield* engine.service.subscribe("room", subscriber(heard))
        yield* engine.service.publish({ topic: "room", event: "said", payload: 2 })
        assert.deepStrictEqual(heard, [2])
        unsubscribe()
        for (const topic of ["room", "other"]) assert.lengthOf(Array.from(engine.service.subscribers(topic)), 0)
        yield* engine.check
        yield* engine.check
        assert.strictEqual(engine.size, 0)
        assert.strictEqual(link.size, 0)
      })
  })

  sweeps("channel presence over nodes", {
    make,
    call: ({ node: { presence } }: Subject) =>
      Effect.gen(function* () {
        yield* presence.heartbeat
        yield* presence.service.watch("room", watcher())
        yield* presence.service.put("room", entry("r1"))
        yield* presence.service.put("room", entry("r2", "r1"))
        yield* presence.service.remove("room", ["member/ann"])
        yield* presence.service.put("room", entry("r3"))
        yield* presence.check
      }),
    after: ({ node: { presence }, server }: Subject) =>
      Effect.gen(function* () {
        // The caller ends what it began, as the scope of a channel does.
        yield* presence.service.remove("room", ["member/ann"])
        yield* presence.heartbeat
        assert.deepStrictEqual((yield* presence.service.list("room")).entries, [])
        server.now += 11_000
        yield* presence.service.put("room", entry("r4"))
        const { entries } = yield* presence.service.list("room")
        assert.deepStrictEqual(
          entries.map(({ ref }) => ref),
          ["r4"]
        )
        yield* presence.service.remove("room", ["member/ann"])
      })
  })
})
