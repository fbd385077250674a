/** permessage-deflate, on real sockets. */
import { Layer } from "effect"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { afterEach, assert, describe, it } from "vitest"
import { WebSocket } from "ws"

import { client } from "../../examples/phoenix-conformance/Client.ts"
import { Room, RoomLive } from "../../examples/phoenix-conformance/Room.ts"
import { shared } from "./Conformance.ts"
import { cut, Peer } from "./Peer.ts"

const mount = (path: `/${string}`, options: Partial<ChannelServer.Options>) =>
  ChannelServer.layer(ChannelServer.make("compressing").use(client).mount(Room), {
    path,
    allowedOrigins: "any",
    ...options
  })

const routes = Layer.merge(
  mount("/socket", { compression: { threshold: 100, level: 1 }, slowReader: { maxBytes: 256 * 1024 } }),
  mount("/plain", {})
).pipe(Layer.provide([RoomLive, Broadcaster.layer]))

afterEach(cut)

describe("compression", () => {
  const { server } = shared(NodeUpgrade.layer, routes)
  const connect = (path: string, perMessageDeflate: boolean) =>
    Peer.connect(`${server().ws}/${path}/websocket?vsn=2.0.0`, { perMessageDeflate })

  it("channel2 1.5: is agreed with a client that offers it, without a window that outlives its message", async () => {
    const socket = new WebSocket(`${server().ws}/socket/websocket?vsn=2.0.0`, { perMessageDeflate: true })
    const answer = await new Promise<string | undefined>((resolve) => {
      socket.once("upgrade", ({ headers }) => resolve(headers["sec-websocket-extensions"]))
    })
    socket.terminate()
    assert.include(answer, "permessage-deflate")
    assert.include(answer, "server_no_context_takeover")
    assert.include(answer, "client_no_context_takeover")
    assert.strictEqual((await connect("socket", false)).socket.extensions, "")
    assert.strictEqual((await connect("plain", true)).socket.extensions, "")
  })

  it("channel2 1.5: carries replies, bytes and broadcasts, in order, to clients with and without it", async () => {
    const [ann, ben] = [await connect("socket", true), await connect("socket", false)]
    await ann.joins("room:1")
    await ben.joins("room:1")
    const text = "x".repeat(100_000)
    for (const n of [1, 2, 3]) ann.send(["1", "2", "room:1", "shout", { n, text: n === 2 ? "short" : text }])
    for (const peer of [ann, ben]) {
      for (const n of [1, 2, 3]) {
        await peer.gets([null, null, "room:1", "new_msg", { n, text: n === 2 ? "short" : text }])
      }
    }
    ann.send(["1", "3", "room:1", "echo", { text }])
    await ann.gets(["1", "3", "room:1", "phx_reply", { status: "ok", response: { text } }])
  })

  it("channel2 1.5: counts what waits to be compressed for a client that does not read", async () => {
    const ann = await (await connect("socket", true)).joins("room:2")
    const ben = await (await connect("socket", false)).joins("room:2")
    ann.socket.pause()
    const noise = () => Array.from({ length: 20_000 }, () => Math.random().toString(36).slice(2, 5)).join("")
    for (let sent = 0; sent < 400; sent++) {
      ben.send(["1", "2", "room:2", "broadcast_from", { noise: noise() }])
      await ben.next()
    }
    ann.socket.resume()
    assert.strictEqual((await ann.closed).code, 1013)
  })
})
