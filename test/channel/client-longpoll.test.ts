/**
 * The client of Phoenix over long-poll, in Node: by choice, and as its fallback where WebSockets do not get through.
 */
import { NodeUpgrade } from "fairlead/channel/node"
import { LongPoll, Socket } from "phoenix"
import type { Channel, SocketConnectOption } from "phoenix"
import { afterEach, assert, describe, it } from "vitest"

import { control, shared, withoutWebSockets } from "./Conformance.ts"
import type { Served } from "./Conformance.ts"
import { once, outcome } from "./PhoenixPush.ts"

const sockets: Array<Socket> = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect()
})

interface Options extends Partial<SocketConnectOption> {
  readonly longPollFallbackMs?: number
  readonly sessionStorage?: object
}

const connect = (server: Served, options: Options): Socket => {
  const soon = () => 5
  const all = { reconnectAfterMs: soon, rejoinAfterMs: soon, ...options }
  const socket = new Socket(`${server.ws}/socket`, all)
  sockets.push(socket)
  socket.connect()
  return socket
}

const join = async (socket: Socket, topic: string, payload: object = {}): Promise<Channel> => {
  const channel = socket.channel(topic, payload)
  assert.strictEqual((await outcome(channel.join()))[0], "ok")
  return channel
}

const polling = { transport: LongPoll as unknown as new (url: string) => object }

describe("phoenix.js over long-poll", () => {
  const { server } = shared(NodeUpgrade.layer)

  it("channel2 3: joins, pushes, is answered, and meets a client on a WebSocket", async () => {
    const ann = await join(connect(server(), polling), "room:poll-js")
    const ben = await join(connect(server(), {}), "room:poll-js")
    const [toAnn, toBen] = [once(ann, "new_msg"), once(ben, "new_msg")]
    assert.deepStrictEqual(await outcome(ann.push("echo", { a: 1 })), ["ok", { a: 1 }])
    ben.push("new_msg", { text: "hi" })
    assert.deepStrictEqual([await toAnn, await toBen], [{ text: "hi" }, { text: "hi" }])
    const [, who] = await outcome(ann.push("whoami", {}))
    assert.strictEqual((who as { readonly transport: string }).transport, "longpoll")
    assert.strictEqual((await outcome(ann.leave()))[0], "ok")
  })

  it("channel2 3: sends many messages of one turn as batches, in order", async () => {
    const channel = await join(connect(server(), polling), "room:batches")
    const replies = await Promise.all(Array.from({ length: 50 }, () => outcome(channel.push("inc", {}))))
    assert.deepStrictEqual(
      replies.map(([, response]) => (response as { readonly count: number }).count),
      Array.from({ length: 50 }, (_, index) => index + 1)
    )
  })

  it("channel2 3: comes back with a new session after the server disconnects it", async () => {
    const socket = connect(server(), { ...polling, params: { user_id: "poll-js" } })
    const channel = await join(socket, "room:back")
    const opened = new Promise<void>((resolve) => void socket.onOpen(resolve))
    await control(server(), "disconnect", { id: "poll-js" })
    await opened
    while ((await outcome(channel.push("echo", { back: true }, 200)))[0] !== "ok") continue
  })
})

describe("phoenix.js where WebSockets do not get through", () => {
  const { server } = shared(withoutWebSockets)

  it("channel2 3: falls back to long-poll", async () => {
    const kept = new Map<string, string>()
    const sessionStorage = {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value)
    }
    const channel = await join(connect(server(), { longPollFallbackMs: 200, sessionStorage }), "room:fallback")
    const [, who] = await outcome(channel.push("whoami", {}))
    assert.strictEqual((who as { readonly transport: string }).transport, "longpoll")
  })
})
