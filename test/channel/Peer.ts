/**
 * A bare WebSocket peer: what it sends and gets are frames, as they are on the wire.
 */
import { assert } from "vitest"
import { WebSocket } from "ws"

/** A frame that came: a string had the text opcode, bytes had the binary one. */
type Frame = string | Buffer

interface Options {
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: ReadonlyArray<string>
  readonly perMessageDeflate?: boolean
}

/** The answer to a handshake that was refused. */
class Refused extends Error {
  readonly status: number
  readonly body: string
  constructor(status: number, body: string) {
    super(`refused: ${status} ${body}`)
    this.status = status
    this.body = body
  }
}

export class Peer {
  readonly socket: WebSocket
  /** How it ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** What has come and was not taken yet. */
  readonly received: Array<Frame> = []
  private waiting: Array<(frame: Frame) => void> = []
  private beats = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    socket.on("message", (data: Buffer, isBinary) => {
      const frame = isBinary ? data : data.toString()
      const taker = this.waiting.shift()
      if (taker === undefined) this.received.push(frame)
      else taker(frame)
    })
  }

  /** Connects; fails with `Refused` when the server answers without a socket. */
  static connect(url: string, { headers = {}, perMessageDeflate = false, protocols = [] }: Options = {}) {
    return new Promise<Peer>((resolve, reject) => {
      const socket = new WebSocket(url, [...protocols], { headers, perMessageDeflate })
      const peer = new Peer(socket)
      open.add(peer)
      socket.once("open", () => resolve(peer))
      socket.once("error", reject)
      socket.once("unexpected-response", (_, response) => {
        let body = ""
        response.on("data", (chunk) => (body += String(chunk)))
        response.on("end", () => reject(new Refused(response.statusCode ?? 0, body)))
      })
    })
  }

  /** Sends a frame: text, bytes, or anything else as JSON. */
  send(...frames: ReadonlyArray<unknown>): void {
    for (const frame of frames) {
      this.socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame))
    }
  }

  /** The next frame. */
  next(): Promise<Frame> {
    const frame = this.received.shift()
    return frame === undefined ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(frame)
  }

  /** The next frames are these: text, bytes, or anything else as JSON, keys in this order. */
  async gets(...frames: ReadonlyArray<unknown>): Promise<void> {
    for (const frame of frames) {
      const expected = typeof frame === "string" || frame instanceof Buffer ? frame : JSON.stringify(frame)
      assert.deepStrictEqual(await this.next(), expected)
    }
  }

  /** Nothing has come: the answer to a heartbeat is the next frame. */
  async quiet(): Promise<void> {
    const ref = `beat ${++this.beats}`
    this.send([null, ref, "phoenix", "heartbeat", {}])
    await this.gets([null, ref, "phoenix", "phx_reply", { status: "ok", response: {} }])
  }

  /** Joins a topic of V2 with the ref `"1"`, and takes the answer. */
  async joins(topic: string, payload: unknown = {}, response: unknown = {}): Promise<this> {
    this.send(["1", "1", topic, "phx_join", payload])
    await this.gets(["1", "1", topic, "phx_reply", { status: "ok", response }])
    return this
  }
}

const open = new Set<Peer>()

/** Cuts off all peers that are left of a test. */
export const cut = (): void => {
  for (const { socket } of open) socket.terminate()
  open.clear()
}

/** The answer to a handshake that is to be refused. */
export const refusal = async (url: string, options?: Options) => {
  const outcome = await Peer.connect(url, options).catch((error: unknown) => error)
  if (!(outcome instanceof Refused)) throw outcome instanceof Error ? outcome : new Error(`${url} was not refused`)
  return [outcome.status, outcome.body]
}
