/** What nodes promise over any broker about the members of a topic. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Result } from "effect"
import { ChannelServer } from "fairlead/channel"
import type { TestChannel } from "fairlead/testing/channel"
import { afterAll, beforeAll } from "vitest"

import { enter, nodeOver, Room, until } from "../Chat.ts"
import { ownBroker } from "./NodesContract.ts"
import type { BrokerKind, EngineOptions, RunningBroker } from "./NodesContract.ts"

/** Answers the next request to a client. */
const answers = (client: TestChannel.TestSocket, status: string, response: never) =>
  Effect.flatMap(client.next("ready"), ({ payload }) => {
    const { request_id } = payload as { readonly request_id: string }
    return client.notify("room:members", "request_reply", { request_id, status, response })
  })

/** The tests of a kind of broker. */
export const membersContract = (kind: BrokerKind): unknown =>
  describe.skipIf(kind.missing)(`members over ${kind.name}`, () => {
    const nodeAt = ({ port }: RunningBroker, options: EngineOptions = {}) => nodeOver(kind.engine(port, options))
    let broker: RunningBroker
    beforeAll(async () => {
      broker = await kind.start()
    })
    afterAll(() => broker.kill())

    it.live("nodes 1: members are listed, counted, kicked and asked from any node", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b, c] = [yield* nodeAt(broker), yield* nodeAt(broker), yield* nodeAt(broker)]
          const ann = yield* enter(a, "room:members")
          const ben = yield* enter(b, "room:members")
          const carl = yield* enter(b, "room:members")
          const id = { id: "members" }
          for (const one of [a, b, c]) {
            assert.strictEqual(yield* one.run(Room.count(id)), 3)
            assert.lengthOf(yield* one.run(Room.members(id)), 3)
          }
          assert.strictEqual(yield* c.run(Room.count({ id: "empty" })), 0)
          const asking = yield* Effect.forkScoped(c.run(Room.request(id, "ready", "go?", { timeout: "1 second" })))
          yield* answers(ann, "ok", 1 as never)
          yield* answers(ben, "error", { why: "busy" } as never)
          const { answers: given, missingNodes } = yield* Fiber.join(asking)
          assert.strictEqual(missingNodes, 0)
          const texts = given.map(({ result }) =>
            Result.match(result, {
              onSuccess: String,
              onFailure: (error) => ("why" in error ? error.why : error.reason)
            })
          )
          assert.deepStrictEqual(texts.toSorted(), ["1", "busy", "timed out"])
          // The last to join is Carl.
          const [, , last] = yield* a.run(Room.members(id))
          assert.isTrue(yield* a.run(Room.kick(id, last!.id)))
          yield* carl.next("phx_close")
          assert.isFalse(yield* a.run(Room.kick(id, last!.id)))
          assert.strictEqual(yield* b.run(Room.count(id)), 2)
          const named = yield* a.connect({ params: { user: "dora" } })
          yield* named.heartbeat
          yield* c.run(ChannelServer.disconnect("dora"))
          assert.strictEqual((yield* named.closed).code, 1001)
        })
      )
    )

    it.live("nodes 1: a node that closes takes itself off the list of nodes without waiting for a time-out", () =>
      Effect.gen(function* () {
        const closing = Effect.scoped(nodeAt(broker, { commandTimeout: "120000 millis" }))
        assert.isTrue(Option.isSome(yield* Effect.timeoutOption(closing, "1 minute")))
      })
    )

    it.live("nodes 1: a question fails while the broker is away, and is answered again afterwards", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const other = yield* ownBroker(kind)
          const quick = { heartbeat: "100 millis", lease: "600 millis", commandTimeout: "500 millis" } as const
          const [a, b] = [yield* nodeAt(other, quick), yield* nodeAt(other, quick)]
          yield* enter(a, "room:members")
          yield* enter(b, "room:members")
          yield* Effect.promise(() => other.kill())
          const { _tag, message } = yield* Effect.flip(a.run(Room.count({ id: "members" })))
          assert.strictEqual(_tag, "BroadcasterUnavailable")
          assert.include(message, "ask all nodes")
          yield* Effect.promise(() => other.restart())
          let count = 0
          const counting = Effect.map(Effect.result(a.run(Room.count({ id: "members" }))), (result) => {
            count = Result.getOrElse(result, () => 0)
          })
          yield* Effect.forkScoped(Effect.forever(Effect.andThen(counting, Effect.sleep(50))))
          yield* until(() => count === 2)
        })
      )
    )
  })
