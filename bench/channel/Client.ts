/** A client of the channel bench: a TCP socket that counts frames. */
import { connect } from "node:net"
import type { Socket } from "node:net"

import { host } from "../server/Contender.ts"
import { FrameCounter, maskedFrameOf } from "./Frames.ts"
import type { Exchange, Speech } from "./Speech.ts"

const handshake = (path: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "\r\n"
  ].join("\r\n")

const endOfHead = Buffer.from("\r\n\r\n")

/** The buffer that all sockets read into: none of them keeps it. */
const buffer = Buffer.allocUnsafe(65_536)

/** The bytes of an exchange, ready to be written. */
export const framesOf = ({ send }: Exchange): Buffer => Buffer.concat(send.map(maskedFrameOf))

export class Client {
  /** Called with the number of received frames. */
  onFrames: (count: number) => void = () => {}
  private readonly frames = new FrameCounter()
  private socket: Socket | undefined = undefined
  private head: Buffer | undefined = Buffer.alloc(0)
  private heard: () => void = () => {}

  /** Opens a socket and says hello. */
  static async open(port: number, { hello, path }: Speech): Promise<Client> {
    const client = new Client()
    client.frames.texts = []
    await new Promise<void>((resolve, reject) => {
      client.heard = resolve
      const socket = connect({ port, host, onread: { buffer, callback: (bytes) => client.read(bytes) } })
      client.socket = socket
      socket.setNoDelay()
      socket.on("error", reject)
      socket.on("close", () => reject(new Error(`Port ${port} closed a socket.`)))
      socket.write(handshake(path))
    })
    for (const exchange of hello) await client.check(exchange)
    client.frames.texts = undefined
    return client
  }

  write(bytes: Buffer): void {
    this.socket!.write(bytes)
  }

  /** Throws unless the server answers as it must. */
  async exchange(exchange: Exchange): Promise<void> {
    this.frames.texts = []
    await this.check(exchange)
    this.frames.texts = undefined
  }

  private async check(exchange: Exchange): Promise<void> {
    const texts = this.frames.texts!
    if (exchange.send.length > 0) this.write(framesOf(exchange))
    while (texts.length < exchange.gives.length) {
      await new Promise<void>((resolve) => {
        this.heard = resolve
      })
    }
    for (const expected of exchange.gives) {
      const text = texts.shift()!
      if (!text.startsWith(expected)) throw new Error(`Heard ${text} instead of ${expected}.`)
    }
  }

  private read(length: number): boolean {
    const frames = this.head === undefined ? this.frames.count(buffer, length) : this.open(length)
    if (frames > 0) this.onFrames(frames)
    if (this.frames.texts !== undefined && this.head === undefined) this.heard()
    return true
  }

  /** The answer to the handshake; frames may follow at once. */
  private open(length: number): number {
    const head = Buffer.concat([this.head!, buffer.subarray(0, length)])
    const end = head.indexOf(endOfHead)
    this.head = end === -1 ? head : undefined
    if (end === -1) return 0
    if (!head.toString("latin1").startsWith("HTTP/1.1 101 ")) throw new Error(head.toString())
    const rest = head.subarray(end + endOfHead.length)
    return this.frames.count(rest, rest.length)
  }
}
