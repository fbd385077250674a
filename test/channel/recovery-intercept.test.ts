import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Layer, Schema } from "effect"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { settled } from "../kit/Settling.ts"

class Room extends ChannelApi.make("room", {
  join: { payload: ChannelApi.AnyPayload },
  incoming: { wait: {} },
  outgoing: { said: Schema.Finite, held: Schema.Finite },
  retention: ChannelApi.recoverable()
}) {}

/** A room whose interception and whose handler wait for a latch each. */
const roomOf = (intercepting: Latch.Latch, handling: Latch.Latch) =>
  Room.layer({
    join: () => Effect.void,
    on: { wait: () => handling.await },
    intercept: { held: (n) => Effect.as(intercepting.await, n) }
  })

const server = ChannelServer.make("chat").mount(Room)

const publish = (event: "held" | "said", n: number) => Broadcaster.broadcast("room", event, n)

/** The events and offsets that a client got after its join. */
const seen = ({ received }: TestChannel.TestSocket): ReadonlyArray<string> =>
  received
    .filter(({ event }) => event !== "phx_reply" && event !== "recovery")
    .map(({ event, payload, position }) => {
      const { to = position } = payload as { readonly to?: string }
      return `${event} ${to?.split(":")[1]}`
    })

describe("recovery with intercepted events", () => {
  it.effect("channel2 2.2: a channel that ends for too many of them sends no later broadcast", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const { connect, run } = yield* TestChannel.make(server, roomOf(latch, latch), { slowReader: { maxMessages: 1 } })
      const client = yield* connect()
      yield* client.join("room", { recover_from: null })
      yield* run(Effect.forEach([1, 2, 3], (n) => publish("held", n)))
      yield* run(publish("said", 4))
      yield* latch.open
      yield* client.next("phx_error")
      yield* run(publish("said", 5))
      assert.deepStrictEqual(seen(client), ["phx_error undefined"])
    })
  )

  it.effect("channel2 2.2: a broadcast does not overtake the discontinuity of a dropped one", () =>
    Effect.gen(function* () {
      const [intercepting, handling] = [yield* Latch.make(), yield* Latch.make()]
      const { connect, run } = yield* TestChannel.make(server, roomOf(intercepting, handling), {
        slowReader: { maxMessages: 1, onOverflow: "drop-newest" }
      })
      const client = yield* connect()
      yield* client.join("room", { recover_from: null })
      yield* run(Effect.forEach([1, 2], (n) => publish("held", n)))
      yield* client.notify("room", "wait")
      yield* run(publish("held", 3))
      yield* intercepting.open
      yield* settled
      yield* run(publish("said", 4))
      yield* handling.open
      yield* client.next("said")
      assert.deepStrictEqual(seen(client), ["held 1", "held 2", "discontinuity 3", "said 4"])
    })
  )

  it.effect("channel2 2.2: a discontinuity at the join comes after the missed messages", () =>
    Effect.gen(function* () {
      const [intercepting, reading] = [yield* Latch.make(), yield* Latch.make()]
      // The read of the missed messages takes a while, as over a network.
      const slow = Layer.effect(
        Broadcaster.Broadcaster,
        Effect.map(Broadcaster.Broadcaster, (engine) => ({
          ...engine,
          since: (topic: string, position: Broadcaster.Position | undefined, limit: number) =>
            Effect.tap(engine.since(topic, position, limit), () => reading.await)
        }))
      ).pipe(Layer.provide(Broadcaster.layer))
      const { connect, run } = yield* TestChannel.make(server, Layer.merge(roomOf(intercepting, intercepting), slow), {
        slowReader: { maxMessages: 2 }
      })
      const first = yield* run(Room.publish({}, "held", 1))
      const client = yield* connect()
      yield* client.notify("room", "phx_join", { recover_from: `${first!.epoch}:0` })
      yield* run(Effect.forEach([2, 3, 4], (n) => publish("said", n)))
      yield* reading.open
      yield* client.next("recovery")
      yield* intercepting.open
      yield* settled
      assert.deepStrictEqual(seen(client), ["held 1", "discontinuity 2", "said 3", "said 4"])
    })
  )

  it.effect("channel2 2.2: a client gets all intercepted events that it missed, beyond the limit of slow readers", () =>
    Effect.gen(function* () {
      const open = yield* Latch.make(true)
      const { connect, run } = yield* TestChannel.make(server, roomOf(open, open), { slowReader: { maxMessages: 1 } })
      const first = yield* run(Room.publish({}, "held", 1))
      yield* run(Effect.forEach([2, 3, 4], (n) => publish("held", n)))
      const client = yield* connect()
      yield* client.join("room", { recover_from: `${first!.epoch}:0` })
      yield* settled
      assert.deepStrictEqual(seen(client), ["held 1", "held 2", "held 3", "held 4"])
    })
  )
})
