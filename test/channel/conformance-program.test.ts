/**
 * The conformance server as the program that it is.
 */
import { spawn } from "node:child_process"
import { connect } from "node:net"

import { afterEach, assert, it } from "vitest"

import { root } from "../package/Scratch.ts"
import { cut, Peer } from "./Peer.ts"

const stops: Array<() => void> = []

afterEach(() => {
  cut()
  for (const stop of stops.splice(0)) stop()
})

/** Starts it on a free port, and waits until it listens. */
const start = async () => {
  const child = spawn(process.execPath, ["--conditions=fairlead:source", "examples/phoenix-conformance.ts"], {
    cwd: root,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"]
  })
  stops.push(() => child.kill("SIGKILL"))
  const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve))
  const port = await new Promise<number>((resolve, reject) => {
    let text = ""
    child.stdout.on("data", (chunk) => {
      text += String(chunk)
      const found = /^Listening on http:\/\/\S+:(\d+) until stopped$/m.exec(text)
      if (found !== null) resolve(Number(found[1]))
    })
    child.once("exit", () => reject(new Error(`It ended: ${text}`)))
  })
  return { port, exited, stop: () => child.kill("SIGTERM") }
}

it("channel 1.1: a stopped program closes its sockets with 1012, and ends well", async () => {
  const { exited, port, stop } = await start()
  const peer = await (await Peer.connect(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)).joins("room:1")
  stop()
  assert.strictEqual((await peer.closed).code, 1012)
  assert.deepStrictEqual(peer.received, [])
  assert.strictEqual(await exited, 0)
})

it("channel 1.1: an application's NodeUpgrade refuses a large frame by its header", async () => {
  const { port } = await start()
  const socket = connect(port, "127.0.0.1")
  const bytes = await new Promise<Buffer>((resolve) => {
    let received = Buffer.alloc(0)
    socket.on("data", (chunk: Buffer) => {
      const first = received.length === 0
      received = Buffer.concat([received, chunk])
      // The header of a text of 1,000,001 bytes, of which none follows.
      if (first) socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41, 1, 2, 3, 4]))
      else resolve(chunk)
    })
    socket.write(
      "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
  })
  socket.destroy()
  assert.deepStrictEqual([bytes[0], bytes.readUInt16BE(2)], [0x88, 1009])
})
