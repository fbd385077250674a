/**
 * What messages look like, over real sockets: every frame is compared as it is on the wire.
 */
import { afterEach, assert, describe, it } from "vitest"

import { control, shared, upgrades } from "./Conformance.ts"
import { cut, Peer } from "./Peer.ts"

afterEach(cut)

const ok = (response: unknown = {}) => ({ status: "ok", response })
const error = (reason: string) => ({ status: "error", response: { reason } })

/** A binary frame: a kind, names with their sizes ahead, and data. */
const binary = (kind: number, names: ReadonlyArray<string>, data: Uint8Array = Buffer.alloc(0)) =>
  Buffer.concat([
    Buffer.from([kind, ...names.map((name) => Buffer.byteLength(name))]),
    Buffer.from(names.join("")),
    data
  ])

const bytes = Buffer.from([0, 1, 127, 128, 255])

describe.each(upgrades)("over %s", (_, upgrade) => {
  const { server } = shared(upgrade)
  const v2 = (query = "") => Peer.connect(`${server().ws}/socket/websocket?vsn=2.0.0${query}`)
  const v1 = () => Peer.connect(`${server().ws}/socket/websocket`)
  const inRoom = async (query = "") => (await v2(query)).joins("room:1")

  describe("version 1", () => {
    const inRoom1 = async () => {
      const peer = await v1()
      peer.send({ topic: "room:1", event: "phx_join", payload: {}, ref: "1" })
      await peer.gets({ topic: "room:1", event: "phx_reply", payload: ok(), ref: "1" })
      return peer
    }

    it("channel 1.2: a reply has exactly topic, event, payload and ref", async () => {
      const peer = await inRoom1()
      peer.send({ topic: "room:1", event: "echo", payload: { a: [1, "ü"] }, ref: "2" })
      await peer.gets(
        '{"topic":"room:1","event":"phx_reply","payload":{"status":"ok","response":{"a":[1,"ü"]}},"ref":"2"}'
      )
    })

    it("channel 1.2: a push and a broadcast have no ref", async () => {
      const peer = await inRoom1()
      peer.send({ topic: "room:1", event: "push_me", payload: { a: 1 }, ref: "2" })
      await peer.gets('{"topic":"room:1","event":"pushed","payload":{"a":1},"ref":null}')
      peer.send({ topic: "room:1", event: "shout", payload: { a: 1 }, ref: "3" })
      await peer.gets('{"topic":"room:1","event":"new_msg","payload":{"a":1},"ref":null}')
    })

    it("channel 1.2: phx_close and phx_error have the join_ref that the client sent as their ref, null if none", async () => {
      for (const join_ref of [undefined, "j"]) {
        const ref = join_ref ?? null
        const peer = await v1()
        const join = { topic: "room:1", event: "phx_join", payload: {}, ref: "1", join_ref }
        peer.send(join)
        await peer.gets({ topic: "room:1", event: "phx_reply", payload: ok(), ref: "1" })
        peer.send({ topic: "room:1", event: "crash", payload: {}, ref: "2", join_ref })
        await peer.gets({ topic: "room:1", event: "phx_error", payload: { reason: "channel_crash" }, ref })
        peer.send({ ...join, ref: "3" }, { topic: "room:1", event: "stop", payload: {}, ref: "4", join_ref })
        await peer.gets(
          { topic: "room:1", event: "phx_reply", payload: ok(), ref: "3" },
          { topic: "room:1", event: "phx_close", payload: {}, ref }
        )
      }
    })

    it("channel 1.2: JSON in a binary frame is read too", async () => {
      const peer = await inRoom1()
      peer.send(Buffer.from('{"topic":"room:1","event":"echo","payload":"ü","ref":"2"}'))
      await peer.gets({ topic: "room:1", event: "phx_reply", payload: ok("ü"), ref: "2" })
    })

    it("channel 1.2: a binary broadcast skips members of version 1 and reaches the others", async () => {
      const old = await inRoom1()
      const sender = await inRoom()
      const later = await inRoom()
      sender.send(binary(0, ["1", "2", "room:1", "bin_broadcast"], bytes))
      const frame = binary(2, ["room:1", "bin_msg"], bytes)
      await sender.gets(frame)
      await later.gets(frame)
      await sender.quiet()
      old.send({ topic: "room:1", event: "echo", payload: {}, ref: "2" })
      await old.gets({ topic: "room:1", event: "phx_reply", payload: ok(), ref: "2" })
    })

    it.each([
      "",
      "[]",
      "null",
      '"text"',
      "{",
      '{"event":"e","payload":{},"ref":"1"}',
      '{"topic":"t","payload":{},"ref":"1"}',
      '{"topic":"t","event":"e","ref":"1"}',
      '{"topic":"t","event":"e","payload":{}}',
      '{"topic":1,"event":"e","payload":{},"ref":"1"}',
      '["1","1","room:1","phx_join",{}]',
      Buffer.from([0xff, 0xfe])
    ])("channel 1.2: %j is no message: 1011", async (frame) => {
      const peer = await v1()
      peer.send(frame)
      assert.strictEqual((await peer.closed).code, 1011)
    })
  })

  describe("version 2", () => {
    it("channel 1.2: a reply has the channel's join_ref and the request's ref", async () => {
      const peer = await v2()
      peer.send('["7","8","room:1","phx_join",{"reply":{"b":1}}]')
      await peer.gets('["7","8","room:1","phx_reply",{"status":"ok","response":{"b":1}}]')
      peer.send('[null,"9","room:1","echo",{"a":[1,"ü"]}]')
      await peer.gets('["7","9","room:1","phx_reply",{"status":"ok","response":{"a":[1,"ü"]}}]')
      peer.send('["7","10","room:1","fail",{}]')
      await peer.gets('["7","10","room:1","phx_reply",{"status":"error","response":{"reason":"failed"}}]')
    })

    it.each([{}, [], [1, { a: null }], "text", "", 0, -1.5, true, false, null])(
      "channel 1.2: %j may be payload and response",
      async (payload) => {
        const peer = await inRoom()
        peer.send(["1", "2", "room:1", "echo", payload])
        await peer.gets(["1", "2", "room:1", "phx_reply", ok(payload)])
      }
    )

    it("channel 1.2: a push has the channel's join_ref, a broadcast none, an intercepted one as a push", async () => {
      const peer = await inRoom("&user_id=ann")
      peer.send(["1", "2", "room:1", "push_me", { a: 1 }])
      await peer.gets('["1",null,"room:1","pushed",{"a":1}]')
      peer.send(["1", "3", "room:1", "shout", { a: 1 }])
      await peer.gets('[null,null,"room:1","new_msg",{"a":1}]')
      peer.send(["1", "4", "room:1", "intercept", { a: 1 }])
      await peer.gets(
        '["1","4","room:1","phx_reply",{"status":"ok","response":{}}]',
        '["1",null,"room:1","intercepted",{"a":1,"for":"ann"}]'
      )
    })

    it("channel 1.2: the end of a channel is sent with the join_ref twice", async () => {
      const peer = await inRoom()
      peer.send('["1","2","room:1","stop",{}]')
      await peer.gets('["1","1","room:1","phx_close",{}]')
      await peer.joins("room:1")
      peer.send('["1","2","room:1","crash",{}]')
      await peer.gets('["1","1","room:1","phx_error",{"reason":"channel_crash"}]')
    })

    it("channel 1.2: a reply of an unmatched topic has no join_ref", async () => {
      const peer = await v2()
      peer.send('["1","1","nowhere:1","phx_join",{}]', '["1","2","room:1","echo",{}]')
      await peer.gets(
        '[null,"1","nowhere:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]',
        '[null,"2","room:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]'
      )
    })

    it("channel 1.2: refs are returned unchanged: texts, numbers, null", async () => {
      const peer = await v2()
      peer.send('[4,5,"room:1","phx_join",{}]', '[4,6.5,"room:1","echo",{}]', '[4,null,"room:1","echo",1]')
      await peer.gets(
        '[4,5,"room:1","phx_reply",{"status":"ok","response":{}}]',
        '[4,6.5,"room:1","phx_reply",{"status":"ok","response":{}}]',
        '[4,null,"room:1","phx_reply",{"status":"ok","response":1}]'
      )
      peer.send('["","","room:2","phx_join",{}]', '["","x y","room:2","stop",{}]')
      await peer.gets('["","","room:2","phx_reply",{"status":"ok","response":{}}]', '["","","room:2","phx_close",{}]')
    })

    it("channel 1.2: elements beyond the fifth are ignored", async () => {
      const peer = await inRoom()
      peer.send(["1", "2", "room:1", "echo", 1, 2, { three: 3 }])
      await peer.gets(["1", "2", "room:1", "phx_reply", ok(1)])
    })

    it.each([
      "",
      "{}",
      "[]",
      "[",
      '["1","1","room:1","phx_join"]',
      '["1","1",1,"phx_join",{}]',
      '["1","1","room:1",null,{}]',
      '[{},"1","room:1","phx_join",{}]',
      '["1",[],"room:1","phx_join",{}]',
      '{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}',
      Buffer.alloc(0),
      binary(1, ["1", "2", "room:1", "ok"]),
      binary(2, ["room:1", "new_msg"]),
      binary(3, ["1", "2", "room:1", "bin_echo"], bytes),
      binary(255, ["1", "2", "room:1", "bin_echo"]),
      binary(0, ["1", "2", "room:1", "bin_echo"]).subarray(0, 4),
      binary(0, ["1", "2", "room:1", "bin_echo"]).subarray(0, -1),
      Buffer.from([0, 1, 1, 1, 1, 0x31, 0x32, 0xff, 0x65])
    ])("channel 1.2: %j is no message: 1011", async (frame) => {
      const peer = await v2()
      peer.send(frame)
      assert.strictEqual((await peer.closed).code, 1011)
    })
  })

  describe("bytes", () => {
    it("channel 1.2: a binary push is answered in bytes", async () => {
      const peer = await inRoom()
      peer.send(binary(0, ["1", "22", "room:1", "bin_echo"], bytes))
      await peer.gets(binary(1, ["1", "22", "room:1", "ok"], bytes))
      peer.send(binary(0, ["1", "23", "room:1", "bin_fail"], bytes))
      await peer.gets(binary(1, ["1", "23", "room:1", "error"], bytes))
      peer.send(binary(0, ["1", "24", "room:1", "echo"], bytes))
      await peer.gets(binary(1, ["1", "24", "room:1", "ok"], bytes))
    })

    it("channel 1.2: a binary payload may be empty", async () => {
      const peer = await inRoom()
      peer.send(binary(0, ["1", "2", "room:1", "bin_echo"]))
      await peer.gets(binary(1, ["1", "2", "room:1", "ok"]))
    })

    it("channel 1.2: a binary push may be answered in JSON", async () => {
      const peer = await inRoom()
      peer.send(binary(0, ["1", "2", "room:1", "bin_size"], bytes))
      await peer.gets(["1", "2", "room:1", "phx_reply", ok({ size: 5 })])
    })

    it("channel 1.2: a binary push to one client has its join_ref and no ref", async () => {
      const peer = await inRoom()
      peer.send(binary(0, ["1", "2", "room:1", "bin_push"], bytes))
      await peer.gets(binary(0, ["1", "room:1", "bin_pushed"], bytes))
    })

    it("channel 1.2: a binary broadcast has topic and event", async () => {
      const peer = await inRoom()
      const other = await inRoom()
      peer.send(binary(0, ["1", "2", "room:1", "bin_broadcast_from"], bytes))
      await peer.gets(["1", "2", "room:1", "phx_reply", ok()])
      await peer.quiet()
      await other.gets(binary(2, ["room:1", "bin_msg"], bytes))
    })

    it("channel 1.2: sizes count bytes of UTF-8, up to 255 of each name", async () => {
      const topic = `room:${"ü".repeat(125)}`
      const peer = await v2()
      peer.send(binary(0, ["j".repeat(255), "r".repeat(255), topic, "phx_join"], bytes))
      const [joinRef, ref] = ["j".repeat(255), "r".repeat(255)]
      await peer.gets([joinRef, ref, topic, "phx_reply", ok()])
      peer.send(binary(0, [joinRef, ref, topic, "bin_echo"], bytes))
      await peer.gets(binary(1, [joinRef, ref, topic, "ok"], bytes))
    })
  })

  describe("reserved names", () => {
    it("channel 1.3: nobody joins phoenix", async () => {
      const peer = await v2()
      peer.send(["1", "1", "phoenix", "phx_join", {}])
      await peer.gets([null, "1", "phoenix", "phx_reply", error("unmatched topic")])
    })

    it.each(["phx_reply", "phx_close", "phx_error", "phx_drain", "heartbeat", "disconnect", "presence_diff"])(
      "channel 1.3: %s of a client is an ordinary event, here one without a handler",
      async (event) => {
        const peer = await inRoom()
        peer.send(["1", "2", "room:1", event, {}])
        await peer.gets(["1", "1", "room:1", "phx_error", { reason: "channel_crash" }])
        await peer.quiet()
      }
    )

    it("channel 1.3: disconnect does so on the topic of a socket's id only, and clients cannot reach that", async () => {
      const peer = await inRoom("&user_id=ann")
      await control(server(), "broadcast", { topic: "room:1", event: "disconnect", payload: {} })
      await peer.gets([null, null, "room:1", "disconnect", {}])
      await control(server(), "broadcast", { topic: "user_socket:ann", event: "another", payload: {} })
      peer.send(["1", "2", "user_socket:ann", "phx_join", {}], [null, "3", "user_socket:ann", "disconnect", {}])
      await peer.gets(
        [null, "2", "user_socket:ann", "phx_reply", error("unmatched topic")],
        [null, "3", "user_socket:ann", "phx_reply", error("unmatched topic")]
      )
      await peer.quiet()
    })
  })

  describe("heartbeats", () => {
    it("channel 1.4: a heartbeat is answered ok, without a join", async () => {
      const peer = await v2()
      peer.send('[null,"5","phoenix","heartbeat",{}]')
      await peer.gets('[null,"5","phoenix","phx_reply",{"status":"ok","response":{}}]')
    })

    it("channel 1.4: in version 1 too", async () => {
      const peer = await v1()
      peer.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"5"}')
      await peer.gets('{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"5"}')
    })

    it("channel 1.4: another event on phoenix is of an unmatched topic", async () => {
      const peer = await v2()
      peer.send([null, "1", "phoenix", "ping", {}])
      await peer.gets([null, "1", "phoenix", "phx_reply", error("unmatched topic")])
    })

    it("channel 1.4: heartbeat on another topic is an event of that topic", async () => {
      const peer = await v2()
      peer.send([null, "1", "room:1", "heartbeat", {}])
      await peer.gets([null, "1", "room:1", "phx_reply", error("unmatched topic")])
    })
  })
})
