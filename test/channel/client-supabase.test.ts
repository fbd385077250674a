/**
 * The realtime client of Supabase in Node: in version 1, and in its own version 2 by an added serializer.
 */
import { REALTIME_SUBSCRIBE_STATES, RealtimeClient } from "@supabase/realtime-js"
import type { RealtimeChannel, RealtimeChannelOptions } from "@supabase/realtime-js"
import { NodeUpgrade } from "fairlead/channel/node"
import { afterEach, assert, describe, it } from "vitest"

import { shared, upgrades } from "./Conformance.ts"
import { cut, Peer } from "./Peer.ts"

const clients: Array<RealtimeClient> = []

afterEach(async () => {
  cut()
  for (const client of clients.splice(0)) await client.disconnect()
})

describe.each(upgrades)("over %s", (_, upgrade) => {
  const { server } = shared(upgrade)

  const channel = (topic: string, config: RealtimeChannelOptions["config"] = {}): RealtimeChannel => {
    const client = new RealtimeClient(`${server().ws}/socket`, { vsn: "1.0.0", params: { apikey: "none" } })
    clients.push(client)
    return client.channel(topic, { config })
  }

  const subscribed = (channel: RealtimeChannel): Promise<void> =>
    new Promise((resolve, reject) => {
      channel.subscribe((status, error) => {
        if (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED) resolve()
        else if (status !== REALTIME_SUBSCRIBE_STATES.CLOSED) reject(error ?? new Error(status))
      })
    })

  const heard = (channel: RealtimeChannel, event: string): Promise<unknown> =>
    new Promise((resolve) => void channel.on("broadcast", { event }, ({ payload }) => resolve(payload)))

  it("channel 1.6: a Supabase client's broadcast reaches the others, and itself where it asks for it", async () => {
    const quiet = channel("one")
    const loud = channel("one", { broadcast: { self: true } })
    const own: Array<unknown> = []
    quiet.on("broadcast", { event: "first" }, ({ payload }) => own.push(payload))
    const there = heard(loud, "first")
    const everywhere = Promise.all([heard(quiet, "second"), heard(loud, "second")])
    await Promise.all([subscribed(quiet), subscribed(loud)])
    assert.strictEqual(await quiet.send({ type: "broadcast", event: "first", payload: { a: 1 } }), "ok")
    assert.deepStrictEqual(await there, { a: 1 })
    assert.strictEqual(await loud.send({ type: "broadcast", event: "second", payload: { b: 2 } }), "ok")
    assert.deepStrictEqual(await everywhere, [{ b: 2 }, { b: 2 }])
    assert.deepStrictEqual(own, [])
  })

  it("channel 1.6: a Supabase client gets an acknowledgement of its broadcast where it asks for it", async () => {
    const acknowledged = channel("two", { broadcast: { ack: true } })
    await subscribed(acknowledged)
    assert.strictEqual(await acknowledged.send({ type: "broadcast", event: "one", payload: {} }), "ok")
  })

  it("channel 1.5: a handler may leave a message without a reply that others of its event get", async () => {
    const join = async (ack: boolean) => {
      const peer = await Peer.connect(`${server().ws}/socket/websocket?vsn=2.0.0`)
      peer.send(["1", "1", "realtime:three", "phx_join", { config: { broadcast: { ack } } }])
      const status = "ok"
      await peer.gets(
        ["1", "1", "realtime:three", "phx_reply", { status, response: { postgres_changes: [] } }],
        ["1", null, "realtime:three", "presence_state", {}]
      )
      peer.send(["1", "2", "realtime:three", "broadcast", {}])
      return peer
    }
    const told = await join(true)
    await told.gets(["1", "2", "realtime:three", "phx_reply", { status: "ok", response: {} }])
    await (await join(false)).quiet()
  })

  it("channel 1.9: a Supabase client tracks itself, and sees who is there", async () => {
    const until = (channel: RealtimeChannel, expected: Readonly<Record<string, ReadonlyArray<string>>>) =>
      new Promise<void>((resolve) => {
        channel.on("presence", { event: "sync" }, () => {
          const state = channel.presenceState<{ readonly at: string }>()
          const now = Object.fromEntries(Object.entries(state).map(([key, metas]) => [key, metas.map(({ at }) => at)]))
          if (JSON.stringify(now) === JSON.stringify(expected)) resolve()
        })
      })
    const ann = channel("four", { presence: { key: "ann" } })
    const ben = channel("four", { presence: { key: "ben" } })
    const both = Promise.all([
      until(ann, { ann: ["home"], ben: ["work"] }),
      until(ben, { ann: ["home"], ben: ["work"] })
    ])
    const moved = until(ben, { ann: ["away"], ben: ["work"] })
    const alone = until(ann, { ann: ["away"] })
    await subscribed(ann)
    assert.strictEqual(await ann.track({ at: "home" }), "ok")
    await subscribed(ben)
    assert.strictEqual(await ben.track({ at: "work" }), "ok")
    await both
    await ann.track({ at: "away" })
    await moved
    assert.strictEqual(await ben.untrack(), "ok")
    await alone
  })

  it("channel 1.5: a Supabase client leaves", async () => {
    const one = channel("five")
    await subscribed(one)
    assert.strictEqual(await one.unsubscribe(), "ok")
  })
})

describe("in version 2.0.0", () => {
  const { server } = shared(NodeUpgrade.layer)

  const subscribed = async (topic: string, self = false): Promise<RealtimeChannel> => {
    const client = new RealtimeClient(`${server().ws}/supabase`, { vsn: "2.0.0", params: { apikey: "none" } })
    clients.push(client)
    const channel = client.channel(topic, { config: { broadcast: { self, ack: true } } })
    return channel
  }

  const subscribe = (channel: RealtimeChannel) =>
    new Promise<void>((resolve) => {
      channel.subscribe((status) => {
        if (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED) resolve()
      })
    })

  it("channel2 4.4: a broadcast of JSON and of bytes reaches the others by the added serializer", async () => {
    const [ann, ben] = [await subscribed("bytes"), await subscribed("bytes")]
    const heard = (event: string) =>
      new Promise<unknown>((resolve) => void ben.on("broadcast", { event }, ({ payload }) => resolve(payload)))
    const [object, bytes] = [heard("object"), heard("bytes")]
    await Promise.all([subscribe(ann), subscribe(ben)])
    assert.strictEqual(await ann.send({ type: "broadcast", event: "object", payload: { a: "ä" } }), "ok")
    assert.deepStrictEqual(await object, { a: "ä" })
    const raw = new Uint8Array([1, 2, 255]).buffer
    assert.strictEqual(await ann.send({ type: "broadcast", event: "bytes", payload: raw }), "ok")
    assert.deepStrictEqual(Array.from(new Uint8Array((await bytes) as ArrayBuffer)), [1, 2, 255])
  })

  it("channel2 4.4: a frame that the added serializer cannot read closes the socket with 1011", async () => {
    for (const frame of [[3], [3, 9, 9, 9, 9, 9, 1], [3, 0, 0, 1, 1, 0, 1, 97, 98, 123], [9]]) {
      const peer = await Peer.connect(`${server().ws}/supabase/websocket?vsn=2.0.0`)
      peer.send(Uint8Array.from(frame))
      assert.strictEqual((await peer.closed).code, 1011)
    }
  })
})
