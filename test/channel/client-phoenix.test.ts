/**
 * The client of Phoenix itself, in Node.
 */
import { Presence, Socket } from "phoenix"
import type { Channel, SocketConnectOption } from "phoenix"
import { afterEach, assert, describe, it } from "vitest"

import { conformance } from "../../examples/phoenix-conformance/Server.ts"
import { control, serve, shared, upgrades } from "./Conformance.ts"
import type { Served } from "./Conformance.ts"
import { once, outcome } from "./PhoenixPush.ts"

const sockets: Array<Socket> = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect()
})

/** A client that comes back at once. */
const connect = (server: Served, mount = "socket", options: Partial<SocketConnectOption> = {}): Socket => {
  const soon = () => 5
  const socket = new Socket(`${server.ws}/${mount}`, { reconnectAfterMs: soon, rejoinAfterMs: soon, ...options })
  sockets.push(socket)
  socket.connect()
  return socket
}

const join = async (socket: Socket, topic = "room:1", payload: object = {}): Promise<Channel> => {
  const channel = socket.channel(topic, payload)
  assert.strictEqual((await outcome(channel.join()))[0], "ok")
  return channel
}

const closed = (socket: Socket): Promise<number> =>
  new Promise((resolve) => void socket.onClose(({ code }) => resolve(code)))

const opened = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.onOpen(resolve))

describe.each(upgrades)("over %s", (_, upgrade) => {
  const { server } = shared(upgrade)

  it("channel 1.9: joins, pushes, and is answered ok, error, or not in time", async () => {
    const socket = connect(server(), "socket", { params: { user_id: "ann" } })
    const channel = socket.channel("room:1", { reply: { hello: "ann" } })
    assert.deepStrictEqual(await outcome(channel.join()), ["ok", { hello: "ann" }])
    assert.deepStrictEqual(await outcome(channel.push("echo", { a: [1] })), ["ok", { a: [1] }])
    assert.deepStrictEqual(await outcome(channel.push("fail", {})), ["error", { reason: "failed" }])
    assert.strictEqual((await outcome(channel.push("noreply", {}, 20)))[0], "timeout")
    assert.deepStrictEqual(await outcome(channel.push("async_echo", { delay: 1 })), ["ok", { delay: 1 }])
  })

  it("channel 1.9: gets the reason of a refused join", async () => {
    const socket = connect(server(), "limited", { rejoinAfterMs: () => 600_000 })
    const refusal = (topic: string, payload: object = {}) => outcome(socket.channel(topic, payload).join())
    assert.deepStrictEqual(await refusal("room:1", { auth: "deny" }), ["error", { reason: "unauthorized" }])
    assert.deepStrictEqual(await refusal("room:2", { crash: true }), ["error", { reason: "join crashed" }])
    assert.deepStrictEqual(await refusal("nowhere"), ["error", { reason: "unmatched topic" }])
    await join(socket, "room:a")
    await join(socket, "room:b")
    assert.deepStrictEqual(await refusal("room:c"), ["error", { reason: "too many channels joined" }])
  })

  it("channel 1.9: gets broadcasts and pushes", async () => {
    const [ann, ben] = [await join(connect(server())), await join(connect(server()))]
    const both = Promise.all([once(ann, "new_msg"), once(ben, "new_msg")])
    ann.push("new_msg", { text: "hi" })
    assert.deepStrictEqual(await both, [{ text: "hi" }, { text: "hi" }])
    const pushed = once(ann, "pushed")
    ann.push("push_me", { only: "ann" })
    assert.deepStrictEqual(await pushed, { only: "ann" })
  })

  it("channel 1.9: leaves, and is closed for good; a channel that the server stops is too", async () => {
    const socket = connect(server())
    for (const end of [
      (channel: Channel) => outcome(channel.leave()),
      (channel: Channel) => outcome(channel.push("stop_reply", {}))
    ]) {
      const channel = await join(socket)
      const closing = new Promise((resolve) => void channel.onClose(resolve))
      assert.strictEqual((await end(channel))[0], "ok")
      await closing
      assert.strictEqual(channel.state, "closed")
    }
  })

  it("channel 1.9: a second join of a topic leaves the older channel", async () => {
    const socket = connect(server())
    const older = await join(socket)
    const closing = new Promise((resolve) => void older.onClose(resolve))
    const newer = await join(socket)
    await closing
    assert.deepStrictEqual([older.state, newer.state], ["closed", "joined"])
    assert.deepStrictEqual(await outcome(newer.push("inc", {})), ["ok", { count: 1 }])
  })

  it("channel 1.9: rejoins after a crash", async () => {
    const channel = await join(connect(server()))
    assert.deepStrictEqual(await outcome(channel.push("inc", {})), ["ok", { count: 1 }])
    const crashed = new Promise((resolve) => void channel.onError(resolve))
    channel.push("crash", {})
    assert.deepStrictEqual(await crashed, { reason: "channel_crash" })
    assert.deepStrictEqual(await outcome(channel.push("inc", {})), ["ok", { count: 1 }])
  })

  it("channel 1.9: reconnects and rejoins after the server disconnected it", async () => {
    const socket = connect(server(), "socket", { params: { user_id: "ann" } })
    const channel = await join(socket)
    const [code, again] = [closed(socket), opened(socket)]
    await control(server(), "disconnect", { id: "ann" })
    assert.strictEqual(await code, 1001)
    await again
    assert.deepStrictEqual(await outcome(channel.push("inc", {})), ["ok", { count: 1 }])
  })

  it("channel 1.9: reconnects and rejoins after the server has restarted", async () => {
    const first = await serve(upgrade)
    const socket = connect(first)
    const channel = await join(socket)
    const [code, again] = [closed(socket), opened(socket)]
    await first.shutdown()
    assert.strictEqual(await code, 1012)
    await first.close()
    const second = await serve(upgrade, conformance, first.port)
    try {
      await again
      assert.deepStrictEqual(await outcome(channel.push("inc", {})), ["ok", { count: 1 }])
    } finally {
      socket.disconnect()
      await second.close()
    }
  })

  it("channel 1.9: sends and gets bytes", async () => {
    const [ann, ben] = [await join(connect(server())), await join(connect(server()))]
    const { buffer } = Uint8Array.of(0, 1, 254, 255)
    const bytesOf = (payload: unknown) => {
      assert.instanceOf(payload, ArrayBuffer)
      return Array.from(new Uint8Array(payload))
    }
    const [status, response] = await outcome(ann.push("bin_echo", buffer))
    assert.deepStrictEqual([status, bytesOf(response)], ["ok", [0, 1, 254, 255]])
    assert.deepStrictEqual(await outcome(ann.push("bin_size", buffer)), ["ok", { size: 4 }])
    const pushed = once(ann, "bin_pushed")
    ann.push("bin_push", buffer)
    assert.deepStrictEqual(bytesOf(await pushed), [0, 1, 254, 255])
    const sent = once(ben, "bin_msg")
    ann.push("bin_broadcast_from", buffer)
    assert.deepStrictEqual(bytesOf(await sent), [0, 1, 254, 255])
  })

  it("channel 1.9: hands its token over", async () => {
    const channel = await join(connect(server(), "authtoken", { authToken: "a token, with ~ signs" }))
    const [, response] = await outcome(channel.push("whoami", {}))
    assert.propertyVal(response, "auth_token", "a token, with ~ signs")
  })

  it("channel 1.9: measures its ping", async () => {
    const socket = connect(server())
    await opened(socket)
    const latency = await new Promise<number>((resolve) => void socket.ping(resolve))
    assert.isAtLeast(latency, 0)
  })

  it("channel 1.9: knows who is present", async () => {
    /** The metas of all who are there, `phx_ref` left out, whenever they are these. */
    const present = (presence: Presence, expected: object) => {
      const now = () =>
        Object.fromEntries(
          presence.list((key, { metas }: { readonly metas: ReadonlyArray<{ readonly at: string }> }) => [
            key,
            metas.map(({ at }) => at)
          ])
        )
      return new Promise<void>((resolve) => {
        const look = () => {
          if (JSON.stringify(now()) === JSON.stringify(expected)) resolve()
        }
        presence.onSync(look)
        look()
      })
    }
    const enter = async (user: string, at: string) => {
      const channel = connect(server()).channel("presence:1", { user, meta: { at } })
      const presence = new Presence(channel)
      await outcome(channel.join())
      return { channel, presence }
    }
    const ann = await enter("ann", "home")
    await present(ann.presence, { ann: ["home"] })
    const ben = await enter("__proto__", "work")
    const both = JSON.parse('{"ann":["home"],"__proto__":["work"]}')
    await present(ann.presence, both)
    await present(ben.presence, both)
    await outcome(ben.channel.push("update_meta", { at: "lunch" }))
    await present(ann.presence, JSON.parse('{"ann":["home"],"__proto__":["lunch"]}'))
    const again = await enter("ann", "phone")
    await present(ben.presence, JSON.parse('{"ann":["home","phone"],"__proto__":["lunch"]}'))
    await outcome(ben.channel.push("untrack", {}))
    await present(ann.presence, { ann: ["home", "phone"] })
    again.channel.push("crash", {})
    await present(ben.presence, { ann: ["home"] })
  })
})
