import { NodeUpgrade } from "fairlead/channel/node"
/**
 * Older clients of Phoenix, in Node: version 1.6 and 1.7.
 */
import { Socket as Socket16 } from "phoenix-1.6"
import { Socket as Socket17 } from "phoenix-1.7"
import { afterEach, assert, describe, it } from "vitest"

import { control, shared } from "./Conformance.ts"

interface Push {
  readonly receive: (status: string, listener: (response: unknown) => void) => Push
}

interface Channel {
  readonly join: () => Push
  readonly leave: () => Push
  readonly push: (event: string, payload: unknown, timeout?: number) => Push
  readonly on: (event: string, listener: (payload: unknown) => void) => number
  readonly onError: (listener: (reason: unknown) => void) => number
}

interface Socket {
  readonly connect: () => void
  readonly disconnect: () => void
  readonly onOpen: (listener: () => void) => void
  readonly onClose: (listener: (event: { readonly code: number }) => void) => void
  readonly channel: (topic: string, payload?: object) => Channel
}

type Made = new (url: string, options: object) => Socket

const sockets: Array<Socket> = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect()
})

const outcome = (push: Push): Promise<readonly [status: string, response: unknown]> =>
  new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"]) push.receive(status, (response) => resolve([status, response]))
  })

const once = (channel: Channel, event: string) => new Promise((resolve) => channel.on(event, resolve))

describe.each([
  ["1.6", Socket16 as Made],
  ["1.7", Socket17 as Made]
])("phoenix.js %s", (_, Socket) => {
  const { server } = shared(NodeUpgrade.layer)

  const connect = (params: object = {}): Socket => {
    const soon = () => 5
    const options = { params, transport: WebSocket, reconnectAfterMs: soon, rejoinAfterMs: soon }
    const socket = new Socket(`${server().ws}/socket`, options)
    sockets.push(socket)
    socket.connect()
    return socket
  }

  const join = async (socket: Socket, topic: string): Promise<Channel> => {
    const channel = socket.channel(topic, {})
    assert.deepStrictEqual(await outcome(channel.join()), ["ok", {}])
    return channel
  }

  it("channel 1.9: joins, pushes, gets broadcasts and bytes, and leaves", async () => {
    const [ann, ben] = [await join(connect(), "room:old"), await join(connect(), "room:old")]
    assert.deepStrictEqual(await outcome(ann.push("echo", { a: 1 })), ["ok", { a: 1 }])
    assert.deepStrictEqual(await outcome(ann.push("fail", {})), ["error", { reason: "failed" }])
    const said = once(ben, "new_msg")
    ann.push("new_msg", { text: "hi" })
    assert.deepStrictEqual(await said, { text: "hi" })
    const [status, bytes] = await outcome(ann.push("bin_echo", new Uint8Array([1, 2]).buffer))
    assert.strictEqual(status, "ok")
    assert.deepStrictEqual(Array.from(new Uint8Array(bytes as ArrayBuffer)), [1, 2])
    assert.strictEqual((await outcome(ann.leave()))[0], "ok")
  })

  it("channel 1.9: learns of a crash and joins again, and comes back after a disconnect by the server", async () => {
    const socket = connect({ user_id: "old" })
    const channel = await join(socket, "room:crash")
    const crashed = new Promise((resolve) => channel.onError(resolve))
    const pushed = channel.push("crash", {})
    await crashed
    void pushed
    while ((await outcome(channel.push("echo", { again: true }, 200)))[0] !== "ok") continue
    const closed = new Promise<number>((resolve) => socket.onClose(({ code }) => resolve(code)))
    const opened = new Promise<void>((resolve) => socket.onOpen(resolve))
    await control(server(), "disconnect", { id: "old" })
    assert.strictEqual(await closed, 1001)
    await opened
    while ((await outcome(channel.push("echo", { back: true }, 200)))[0] !== "ok") continue
  })
})
