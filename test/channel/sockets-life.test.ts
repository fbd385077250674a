/**
 * The life of a channel and its broadcasts, over real sockets: every frame is compared as it is on the wire.
 */
import { afterEach, assert, describe, it } from "vitest"

import { control, shared, upgrades } from "./Conformance.ts"
import { cut, Peer } from "./Peer.ts"

afterEach(cut)

const ok = (response: unknown = {}) => ({ status: "ok", response })
const error = (reason: string) => ({ status: "error", response: { reason } })
const crashed = { reason: "channel_crash" }

describe.each(upgrades)("over %s", (_, upgrade) => {
  const { server } = shared(upgrade)
  const connect = (query = "") => Peer.connect(`${server().ws}/socket/websocket?vsn=2.0.0${query}`)
  const inRoom = async (query = "", payload: unknown = {}) => (await connect(query)).joins("room:1", payload)

  describe("joining", () => {
    it("channel 1.5: the bare prefix of a splat is a topic of it, and another name is not", async () => {
      const peer = await connect()
      await peer.joins("room:")
      await peer.joins("room:a:b:*")
      for (const topic of ["room", "rooms:1", "ROOM:1", ""]) {
        peer.send(["1", "1", topic, "phx_join", {}])
        await peer.gets([null, "1", topic, "phx_reply", error("unmatched topic")])
      }
    })

    it("channel 1.5: an exact topic is that one only", async () => {
      const peer = await connect()
      await peer.joins("lobby", {}, { exact: true })
      peer.send(["1", "1", "lobby:1", "phx_join", {}])
      await peer.gets([null, "1", "lobby:1", "phx_reply", error("unmatched topic")])
    })

    it("channel 1.5: a join is answered with its response, and the channel's messages follow it", async () => {
      const peer = await connect("&user_id=ann")
      await peer.joins("room:2", { reply: [1] }, [1])
      await peer.joins("room:1", { announce: "ann" })
      await peer.gets(
        [null, null, "room:1", "user_entered", { user: "ann" }],
        ["1", null, "room:1", "joined", { status: "connected", user_id: "ann" }]
      )
    })

    it("channel 1.5: a refused join leaves no channel", async () => {
      const peer = await connect()
      peer.send(["1", "1", "room:1", "phx_join", { auth: "deny" }], ["1", "2", "room:1", "echo", {}])
      await peer.gets(
        ["1", "1", "room:1", "phx_reply", error("unauthorized")],
        [null, "2", "room:1", "phx_reply", error("unmatched topic")]
      )
      await control(server(), "broadcast", { topic: "room:1", event: "new_msg", payload: {} })
      await peer.quiet()
      await peer.joins("room:1")
    })

    it("channel 1.5: a join that throws is answered with join crashed, without phx_error", async () => {
      const peer = await connect()
      peer.send(["1", "1", "room:1", "phx_join", { crash: true }])
      await peer.gets(["1", "1", "room:1", "phx_reply", error("join crashed")])
      await peer.quiet()
      await peer.joins("room:1")
    })

    it("channel 1.5: a join of a joined topic is answered, and then the old channel is closed", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "inc", {}], ["3", "3", "room:1", "phx_join", { announce: 1 }])
      await peer.gets(
        ["1", "2", "room:1", "phx_reply", ok({ count: 1 })],
        ["3", "3", "room:1", "phx_reply", ok()],
        ["1", "1", "room:1", "phx_close", {}],
        [null, null, "room:1", "user_entered", { user: 1 }],
        ["3", null, "room:1", "joined", { status: "connected", user_id: null }]
      )
      peer.send(["3", "4", "room:1", "inc", {}])
      await peer.gets(["3", "4", "room:1", "phx_reply", ok({ count: 1 })])
      await control(server(), "broadcast", { topic: "room:1", event: "new_msg", payload: 1 })
      await peer.gets([null, null, "room:1", "new_msg", 1])
      await peer.quiet()
    })

    it.each([
      [{ auth: "deny" }, "unauthorized"],
      [{ crash: true }, "join crashed"]
    ])(
      "channel 1.5: a refused join of a joined topic (%j) ends the old channel all the same",
      async (payload, reason) => {
        const peer = await inRoom()
        peer.send(["2", "2", "room:1", "phx_join", payload], ["1", "3", "room:1", "echo", {}])
        await peer.gets(
          ["2", "2", "room:1", "phx_reply", error(reason)],
          ["1", "1", "room:1", "phx_close", {}],
          [null, "3", "room:1", "phx_reply", error("unmatched topic")]
        )
      }
    )
  })

  describe("leaving", () => {
    it("channel 1.5: a leave is answered ok, and then the channel is closed", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "phx_leave", {}], ["1", "3", "room:1", "echo", {}])
      await peer.gets(
        ["1", "2", "room:1", "phx_reply", ok()],
        ["1", "1", "room:1", "phx_close", {}],
        [null, "3", "room:1", "phx_reply", error("unmatched topic")]
      )
    })

    it("channel 1.5: a leave of an unjoined topic is answered ok, and no more", async () => {
      const peer = await connect()
      peer.send(["7", "8", "room:1", "phx_leave", {}])
      await peer.gets(["7", "8", "room:1", "phx_reply", ok()])
      await peer.quiet()
    })

    it("channel 1.5: a leave with a stale join_ref is ignored", async () => {
      const peer = await inRoom()
      peer.send(["0", "2", "room:1", "phx_leave", {}])
      await peer.quiet()
      peer.send(["1", "3", "room:1", "echo", {}])
      await peer.gets(["1", "3", "room:1", "phx_reply", ok()])
    })

    it("channel 1.5: messages to others at the end of a channel reach them", async () => {
      const other = await inRoom()
      const left = { user: "ann" }
      const leaving = await inRoom("", { notify_leave: "ann" })
      leaving.send(["1", "2", "room:1", "phx_leave", {}])
      await other.gets([null, null, "room:1", "user_left", left])
      await leaving.gets(["1", "2", "room:1", "phx_reply", ok()], ["1", "1", "room:1", "phx_close", {}])
      await leaving.quiet()

      const closing = await inRoom("", { notify_leave: "ann" })
      closing.socket.close(1000)
      await other.gets([null, null, "room:1", "user_left", left])

      const lost = await inRoom("", { notify_leave: "ann" })
      lost.socket.terminate()
      await other.gets([null, null, "room:1", "user_left", left])

      const stopping = await inRoom("", { notify_leave: "ann" })
      stopping.send(["1", "2", "room:1", "stop", {}])
      await other.gets([null, null, "room:1", "user_left", left])

      const crashing = await inRoom("", { notify_leave: "ann" })
      crashing.send(["1", "2", "room:1", "crash", {}])
      await crashing.gets(["1", "1", "room:1", "phx_error", crashed])
      await other.quiet()
    })

    it("channel 1.5: a silent socket's channels end", async () => {
      const other = await inRoom()
      await (
        await Peer.connect(`${server().ws}/short/websocket?vsn=2.0.0`)
      ).joins("room:1", { notify_leave: "the silent one" })
      await other.gets([null, null, "room:1", "user_left", { user: "the silent one" }])
    })
  })

  describe("events", () => {
    it("channel 1.5: an event is delivered with the channel's join_ref or none, and dropped with a stale one", async () => {
      const peer = await inRoom()
      peer.send(
        ["0", "2", "room:1", "inc", {}],
        [null, "3", "room:1", "inc", {}],
        [1, "4", "room:1", "inc", {}],
        ["1", "5", "room:1", "inc", {}]
      )
      await peer.gets(
        ["1", "3", "room:1", "phx_reply", ok({ count: 1 })],
        ["1", "5", "room:1", "phx_reply", ok({ count: 2 })]
      )
    })

    it("channel 1.5: a channel that was joined without a join_ref takes events and a leave with any", async () => {
      const peer = await connect()
      peer.send([null, "1", "room:1", "phx_join", {}], ["5", "2", "room:1", "inc", {}])
      await peer.gets([null, "1", "room:1", "phx_reply", ok()], [null, "2", "room:1", "phx_reply", ok({ count: 1 })])
      peer.send(["5", "3", "room:1", "phx_leave", {}])
      await peer.gets([null, "3", "room:1", "phx_reply", ok()], [null, null, "room:1", "phx_close", {}])
    })

    it("channel 1.5: an event without a reply is not answered", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "noreply", {}])
      await peer.quiet()
    })

    it("channel 1.5: a handler may answer ok or error", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "echo", [1]], ["1", "3", "room:1", "fail", {}])
      await peer.gets(["1", "2", "room:1", "phx_reply", ok([1])], ["1", "3", "room:1", "phx_reply", error("failed")])
    })

    it("channel 1.5: pushes that were made before the reply arrive before it", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "push_then_reply", { a: 1 }], ["1", "3", "room:1", "burst", { n: 100 }])
      await peer.gets(["1", null, "room:1", "pushed", { a: 1 }], ["1", "2", "room:1", "phx_reply", ok({ a: 1 })])
      for (let i = 1; i <= 100; i++) await peer.gets(["1", null, "room:1", "tick", { i }])
      await peer.gets(["1", "3", "room:1", "phx_reply", ok({ n: 100 })])
    })

    it("channel 1.5: a later reply holds up neither its channel nor another", async () => {
      const peer = await inRoom()
      await peer.joins("room:2")
      peer.send(
        ["1", "2", "room:1", "async_echo", { delay: 600_000 }],
        ["1", "3", "room:1", "echo", {}],
        ["1", "4", "room:2", "echo", {}]
      )
      await peer.gets(["1", "3", "room:1", "phx_reply", ok()], ["1", "4", "room:2", "phx_reply", ok()])
      peer.send(["1", "5", "room:1", "async_echo", { delay: 1 }])
      await peer.gets(["1", "5", "room:1", "phx_reply", ok({ delay: 1 })])
    })

    it("channel 1.5: messages of a channel are handled in order, each channel with its own state", async () => {
      const peer = await inRoom()
      await peer.joins("room:2")
      for (let count = 1; count <= 50; count++) {
        peer.send(["1", `a${count}`, "room:1", "inc", {}], ["1", `b${count}`, "room:2", "inc", {}])
      }
      for (let count = 1; count <= 50; count++) {
        await peer.gets(
          ["1", `a${count}`, "room:1", "phx_reply", ok({ count })],
          ["1", `b${count}`, "room:2", "phx_reply", ok({ count })]
        )
      }
    })

    it("channel 1.5: an event without a join is of an unmatched topic", async () => {
      const peer = await connect()
      peer.send(["1", "2", "room:1", "echo", {}], ["1", "3", "nowhere", "echo", {}])
      await peer.gets(
        [null, "2", "room:1", "phx_reply", error("unmatched topic")],
        [null, "3", "nowhere", "phx_reply", error("unmatched topic")]
      )
    })
  })

  describe("the end of a channel", () => {
    it("channel 1.5: a stop closes the channel, without a reply or after one", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "stop", {}], ["1", "3", "room:1", "echo", {}])
      await peer.gets(
        ["1", "1", "room:1", "phx_close", {}],
        [null, "3", "room:1", "phx_reply", error("unmatched topic")]
      )
      await peer.joins("room:1")
      peer.send(["1", "4", "room:1", "stop_reply", {}])
      await peer.gets(["1", "4", "room:1", "phx_reply", ok({ bye: true })], ["1", "1", "room:1", "phx_close", {}])
      await peer.quiet()
    })

    it.each(["crash", "stop_abnormal", "no such event"])(
      "channel 1.5: %s is an error of its channel alone, which may be joined again",
      async (event) => {
        const peer = await inRoom()
        await peer.joins("room:2")
        const other = await inRoom()
        peer.send(["1", "2", "room:1", event, {}], ["1", "3", "room:1", "echo", {}], ["1", "4", "room:2", "echo", {}])
        const frames = [await peer.next(), await peer.next(), await peer.next()].map((frame) =>
          JSON.parse(String(frame))
        )
        assert.deepInclude(frames, ["1", "1", "room:1", "phx_error", crashed])
        assert.deepInclude(frames, ["1", "4", "room:2", "phx_reply", ok()])
        assert.deepInclude(frames, [null, "3", "room:1", "phx_reply", error("unmatched topic")])
        await peer.quiet()
        await peer.joins("room:1")
        await other.quiet()
      }
    )

    it("channel 1.5: open requests get no reply when their channel ends", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "async_echo", { delay: 300 }], ["1", "3", "room:1", "crash", {}])
      await peer.gets(["1", "1", "room:1", "phx_error", crashed])
      await peer.joins("room:1")
      peer.send(["1", "4", "room:1", "async_echo", { delay: 400 }])
      await peer.gets(["1", "4", "room:1", "phx_reply", ok({ delay: 400 })])
    })
  })

  describe("broadcasts", () => {
    it("channel 1.6: a broadcast reaches all members of the topic, the sender too, on any mount and version", async () => {
      const sender = await inRoom()
      const elsewhere = await (await Peer.connect(`${server().ws}/limited/websocket?vsn=2.0.0`)).joins("room:1")
      const old = await Peer.connect(`${server().ws}/authtoken/websocket?vsn=1.0.0`)
      old.send({ topic: "room:1", event: "phx_join", payload: {}, ref: "1" })
      await old.gets({ topic: "room:1", event: "phx_reply", payload: ok(), ref: "1" })
      const away = await (await connect()).joins("room:2")

      sender.send(["1", "2", "room:1", "new_msg", { text: "hi" }])
      await sender.gets([null, null, "room:1", "new_msg", { text: "hi" }], ["1", "2", "room:1", "phx_reply", ok()])
      await elsewhere.gets([null, null, "room:1", "new_msg", { text: "hi" }])
      await old.gets({ topic: "room:1", event: "new_msg", payload: { text: "hi" }, ref: null })
      await away.quiet()
    })

    it("channel 1.6: broadcast_from leaves out the sender's channel, and no other of its socket", async () => {
      const sender = await inRoom()
      const other = await inRoom()
      sender.send(["1", "2", "room:1", "broadcast_from", { a: 1 }])
      await sender.gets(["1", "2", "room:1", "phx_reply", ok()])
      await sender.quiet()
      await other.gets([null, null, "room:1", "from_msg", { a: 1 }])
    })

    it("channel 1.6: a broadcast comes from outside of any channel too", async () => {
      const peers = [await inRoom(), await inRoom()]
      await control(server(), "broadcast", { topic: "room:1", event: "news", payload: { a: [1] } })
      for (const peer of peers) await peer.gets([null, null, "room:1", "news", { a: [1] }])
    })

    it("channel 1.6: messages of one publisher reach a member in their order", async () => {
      const sender = await inRoom()
      const other = await inRoom()
      for (let i = 0; i < 200; i++) sender.send(["1", null, "room:1", "shout", { i }])
      for (let i = 0; i < 200; i++) {
        await other.gets([null, null, "room:1", "new_msg", { i }])
        await sender.gets([null, null, "room:1", "new_msg", { i }])
      }
    })

    it("channel 1.6: an intercepted event is changed for each member, or held back", async () => {
      const ann = await inRoom("&user_id=ann")
      const ben = await inRoom("&user_id=ben")
      const nobody = await inRoom()
      ann.send(["1", "2", "room:1", "intercept", { a: 1, except: "ben" }])
      await nobody.gets(["1", null, "room:1", "intercepted", { a: 1, except: "ben", for: null }])
      await ben.quiet()
      await ann.gets(
        ["1", "2", "room:1", "phx_reply", ok()],
        ["1", null, "room:1", "intercepted", { a: 1, except: "ben", for: "ann" }]
      )
    })

    it("channel 1.6: nothing is stored for who comes later", async () => {
      const sender = await inRoom()
      sender.send(["1", null, "room:1", "shout", {}])
      await sender.gets([null, null, "room:1", "new_msg", {}])
      await (await inRoom()).quiet()
    })
  })
})
