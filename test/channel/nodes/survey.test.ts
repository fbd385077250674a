import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

import { sweeps } from "../../kit/Sweeping.ts"
import { MemoryServer } from "./MemoryBroker.ts"
import { nodeOver } from "./Node.ts"

const make = Effect.gen(function* () {
  const server = new MemoryServer()
  const nodes = yield* Effect.forEach([1, 2, 3], () =>
    Effect.gen(function* () {
      const link = server.link()
      const node = yield* nodeOver(link)
      yield* node.presence.heartbeat
      yield* node.survey.open
      return { link, ...node }
    })
  )
  return { server, nodes }
})

const count = { _tag: "Count" } as const

describe("a question to all nodes", () => {
  it.effect("nodes 1: counts a node that does not answer in time as missing", () =>
    Effect.gen(function* () {
      const { nodes } = yield* make
      const whole = yield* nodes[0]!.survey.service.survey("room", count, 5000)
      assert.deepStrictEqual([whole.answers.length, whole.missing], [3, 0])
      nodes[2]!.link.isSlow = true
      const asking = yield* Effect.forkChild(nodes[0]!.survey.service.survey("room", count, 5000))
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      yield* TestClock.adjust("5 seconds")
      const part = yield* Fiber.join(asking)
      assert.deepStrictEqual([part.answers.length, part.missing], [2, 1])
    })
  )

  it.effect("nodes 1: does not wait for a node whose lease has ended", () =>
    Effect.gen(function* () {
      const { nodes, server } = yield* make
      nodes[2]!.link.cut()
      server.now += 11_000
      for (const { presence } of nodes) yield* presence.heartbeat
      const { answers, missing } = yield* nodes[0]!.survey.service.survey("room", count, 5000)
      assert.deepStrictEqual([answers.length, missing], [2, 0])
    })
  )

  sweeps("channel question over nodes", {
    make,
    call: ({ nodes }: Effect.Success<typeof make>) => nodes[0]!.survey.service.survey("room", count, 5000),
    after: ({ nodes }: Effect.Success<typeof make>) =>
      Effect.gen(function* () {
        const { answers, missing } = yield* nodes[1]!.survey.service.survey("room", count, 5000)
        assert.deepStrictEqual([answers.length, missing], [3, 0])
        for (const { survey } of nodes) assert.strictEqual(survey.size, 0)
      })
  })
})
