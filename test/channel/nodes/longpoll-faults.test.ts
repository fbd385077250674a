/** Forwarded requests of long-poll over a broker that loses and doubles messages, and interrupted at every operation. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { callMessageOf } from "../../../src/channel/nodes/CallMessage.ts"
import { sweeps } from "../../kit/Sweeping.ts"
import { MemoryServer } from "./MemoryBroker.ts"
import { joined, passing, pollNode, said, say, settle } from "./PollNodes.ts"
import type { Answer, Frame } from "./PollNodes.ts"

/** A message whose reply does not go over the broker. */
const ask = (n: number): string => JSON.stringify(["1", "2", "hall:1", "ask", n])

const replied = ({ messages = [] }: Answer): ReadonlyArray<unknown> =>
  messages
    .map((text) => (JSON.parse(text) as Frame)[4] as { readonly response: unknown })
    .map(({ response }) => response)

describe("long-poll over a faulty broker", () => {
  it.effect("nodes 1: delivers every message once and in order, or begins a new session", () =>
    Effect.gen(function* () {
      let ended = 0
      let whole = 0
      for (let seed = 1; seed <= 100; seed++) {
        const history = Effect.gen(function* () {
          const server = new MemoryServer()
          const nodes = [yield* pollNode(server), yield* pollNode(server), yield* pollNode(server)] as const
          const token = yield* joined(nodes[0])
          let state = seed * 7919
          const random = (below: number): number => {
            state = (Math.imul(state, 1103515245) + 12345) >>> 0
            return (state >>> 8) % below
          }
          server.faults = { random, loses: seed % 4 === 0 ? 2 : 6, doubles: 4, fails: 8 }
          const got: Array<unknown> = []
          let written = 0
          let isOver = false
          for (let turn = 0; turn < 12 && !isOver; turn++) {
            yield* nodes[0].ask(token, `${ask(written++)}\n${ask(written++)}`)
            const answer = yield* passing(nodes[turn % 3]!.ask(token), 250)
            if (answer.status === 410) isOver = true
            else got.push(...replied(answer))
          }
          for (const [index, value] of got.entries()) assert.strictEqual(value, index, `seed ${seed}: ${String(got)}`)
          if (isOver) return void ended++
          server.faults = { ...server.faults, loses: 0, doubles: 0, fails: 0 }
          // A loan that nobody took comes back by itself.
          for (let turn = 0; got.length < written && turn < 3; turn++) {
            got.push(...replied(yield* passing(nodes[1].ask(token), 250)))
          }
          assert.lengthOf(got, written, `seed ${seed}`)
          return void whole++
        })
        yield* Effect.scoped(history)
      }
      assert.isAbove(whole, 50, `${whole} whole and ${ended} ended`)
      assert.isAbove(ended, 5, `${whole} whole and ${ended} ended`)
    })
  )

  it.effect("nodes 1: nodes ignore what is no message of a call", () =>
    Effect.sync(() => {
      const call = { _tag: "Call", id: "1", from: "a", part: 0, parts: 1, text: "{}" }
      assert.deepStrictEqual(callMessageOf(call), call as never)
      for (const [name, value] of [
        ["_tag", "Other"],
        ["id", 1],
        ["from", null],
        ["part", 0.5],
        ["parts", "1"],
        ["text", 1]
      ] as const) {
        assert.isUndefined(callMessageOf({ ...call, [name]: value }), name)
      }
      for (const payload of [null, 1, [], new Uint8Array(1), "text"]) assert.isUndefined(callMessageOf(payload))
    })
  )

  it.effect("nodes 1: no client joins a topic on which nodes speak to each other", () =>
    Effect.gen(function* () {
      class Any extends ChannelApi.make("*", {}) {}
      const server = yield* TestChannel.make(
        ChannelServer.make("any").mount(Any),
        Any.layer({ join: () => Effect.void, on: {} })
      )
      const client = yield* server.connect()
      assert.strictEqual((yield* client.join("anything")).status, "ok")
      for (const topic of ["fairlead:calls/1", "fairlead:nodes", "fairlead:socket/ann"]) {
        assert.deepInclude(yield* client.join(topic), {
          status: "error",
          response: { reason: "unmatched topic" }
        })
      }
    })
  )
})

const swept = Effect.gen(function* () {
  const server = new MemoryServer()
  const [owner, other] = [yield* pollNode(server), yield* pollNode(server)]
  const token = yield* joined(owner)
  yield* owner.ask(token, say("first"))
  let taken = 0
  server.drops = (body) => {
    if (body.includes(`"_tag":"Taken"`)) taken++
    return false
  }
  return { owner, other, token, got: [] as Array<unknown>, taken: () => taken }
})

type Swept = Effect.Success<typeof swept>

describe("sweeps of long-poll on several nodes", () => {
  sweeps("channel forwarded requests of a client that polls", {
    make: swept,
    call: ({ got, other, token }: Swept) =>
      Effect.gen(function* () {
        const poll = Effect.map(other.ask(token), (answer) => {
          assert.strictEqual(answer.status, 200)
          got.push(...said(answer))
        })
        yield* poll
        yield* other.ask(token, say("second"))
        yield* poll
      }),
    after: ({ got, other, owner, taken, token }: Swept) =>
      Effect.gen(function* () {
        yield* settle
        yield* owner.ask(token, say("last"))
        for (let polls = 0; !got.includes("last") && polls < 4; polls++) {
          got.push(...said(yield* passing((polls === 0 ? other : owner).ask(token), 500)))
        }
        const all = ["first", "second", "last"]
        assert.deepStrictEqual(
          got,
          all.filter((each) => got.includes(each))
        )
        assert.include(got, "last")
        // The client left while its answer was on its way to it.
        const isTaken = taken() > (got.length === 3 ? 0 : got.length - 1)
        if (!got.includes("first")) assert.isTrue(isTaken, "the first message is lost")
      })
  })
})
