/** Calls between two nodes over a broker in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Broadcaster, Presence } from "fairlead/channel"

import { NodeCalls } from "../../../src/channel/nodes/NodeCalls.ts"
import { sweeps } from "../../kit/Sweeping.ts"
import { keepLogs } from "../../server/Logs.ts"
import { MemoryServer } from "./MemoryBroker.ts"
import { nodeOver } from "./Node.ts"

const silenceMillis = 3000

const make = Effect.gen(function* () {
  const server = new MemoryServer()
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  /** How each answer that was handed over has been settled. */
  const settled: Array<boolean> = []
  let lent = 0
  const kept = keepLogs()
  const logging = yield* Layer.build(kept.layer)
  const each = (address: string) =>
    Effect.gen(function* () {
      const link = server.link()
      const built = yield* Layer.build((yield* nodeOver(link)).layer)
      const calls = new NodeCalls({
        broadcaster: Context.get(built, Broadcaster.Broadcaster),
        presence: Context.get(built, Presence.Presence),
        address,
        silenceMillis,
        now: () => clock.currentTimeMillisUnsafe(),
        fork: (work) => Fiber.runIn(Effect.runForkWith(Context.merge(context, logging))(work), scope),
        answer: (request) => {
          if (request === "die") return Effect.die(new Error("a defect"))
          const waits = request === "wait" ? Effect.sleep("10 seconds") : Effect.yieldNow
          return Effect.map(Effect.interruptible(waits), () => {
            if (request === "final") return { answer: request, settle: undefined }
            lent++
            return { answer: request, settle: (isTaken) => void settled.push(isTaken) }
          })
        }
      })
      yield* calls.open
      return { calls, link }
    })
  const context = yield* Effect.context()
  const [a, b] = [yield* each("a"), yield* each("b")]
  return { server, a, b, settled, lent: () => lent, logs: kept.lines }
})

type Made = Effect.Success<typeof make>

const turns = Effect.repeat(Effect.yieldNow, { times: 100 })

describe("calls between nodes", () => {
  it.effect("nodes 1: a call is answered, and its caller owns what was handed over", () =>
    Effect.gen(function* () {
      const { a, b, settled } = yield* make
      assert.strictEqual(yield* a.calls.call("b", "now"), "now")
      assert.strictEqual(yield* b.calls.call("a", "final"), "final")
      assert.deepStrictEqual(settled, [true])
      assert.deepStrictEqual(a.calls.sizes, { made: 0, received: 1 })
      yield* TestClock.adjust("7 seconds")
      assert.deepStrictEqual(
        [a.calls.sizes, b.calls.sizes],
        [
          { made: 0, received: 0 },
          { made: 0, received: 0 }
        ]
      )
    })
  )

  it.effect("nodes 1: an answer that its caller never takes comes back", () =>
    Effect.gen(function* () {
      const { a, b, lent, server, settled } = yield* make
      server.drops = (body) => body.includes("Taken") || body.includes("Cancelled")
      const calling = yield* Effect.forkChild(Effect.flip(a.calls.call("b", "now")))
      yield* turns
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(calling)).reason, "in doubt")
      assert.deepStrictEqual([lent(), settled.length], [1, 0])
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(settled, [false])
      yield* TestClock.adjust("7 seconds")
      assert.deepStrictEqual(b.calls.sizes, { made: 0, received: 0 })
    })
  )

  it.effect("nodes 1: a caller that never gets an answer whole learns that it came back", () =>
    Effect.gen(function* () {
      const { a, server, settled } = yield* make
      server.drops = (body) => body.includes(`"_tag":"Answer"`) && body.includes(`"part":1,`)
      const calling = yield* Effect.forkChild(Effect.flip(a.calls.call("b", "x".repeat(150_000))))
      for (let seconds = 0; calling.pollUnsafe() === undefined && seconds < 20; seconds++) {
        yield* turns
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual((yield* Fiber.join(calling)).reason, "taken back")
      assert.deepStrictEqual(settled, [false])
    })
  )

  it.effect("nodes 1: a defect of the called node is logged there, and hands over nothing", () =>
    Effect.gen(function* () {
      const { a, logs } = yield* make
      assert.strictEqual((yield* Effect.flip(a.calls.call("b", "die"))).reason, "taken back")
      assert.deepStrictEqual(
        logs.map(({ level, message }) => [level, message.includes("A call of another node was not answered")]),
        [["Error", true]]
      )
    })
  )

  it.effect("nodes 1: an interrupted call stops its work at the called node", () =>
    Effect.gen(function* () {
      const { a, b, lent } = yield* make
      const calling = yield* Effect.forkChild(a.calls.call("b", "wait"))
      yield* turns
      assert.strictEqual(b.calls.sizes.received, 1)
      yield* Fiber.interrupt(calling)
      yield* turns
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(lent(), 0)
      assert.deepStrictEqual([a.calls.sizes.made, b.calls.sizes.received], [0, 0])
    })
  )

  sweeps("channel calls between nodes", {
    make,
    call: ({ a, b }: Made) =>
      Effect.gen(function* () {
        yield* a.calls.call("b", "now")
        yield* b.calls.call("a", "final")
        yield* a.calls.call("b", "x".repeat(150_000))
      }),
    after: ({ a, b, lent, settled }: Made) =>
      Effect.gen(function* () {
        yield* turns
        assert.deepStrictEqual([a.calls.sizes.made, b.calls.sizes.made], [0, 0])
        // Each answer has one owner.
        assert.lengthOf(settled, lent())
        assert.strictEqual(yield* a.calls.call("b", "after"), "after")
        assert.isTrue(settled.at(-1))
      })
  })
})
