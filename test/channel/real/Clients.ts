/** Clients of a room over real sockets, which record what they see and come back after each end. */
import { setTimeout as sleep } from "node:timers/promises"

import { WebSocket } from "ws"

import type { Seen } from "../histories/Checker.ts"

const topic = "room:1"

type Fields = Readonly<Record<string, unknown>>

/** A member of the room. */
export class Member {
  position: string | null = null
  /** Whether it has joined, and knows where it is. */
  isJoined = false
  delivered = 0
  /** How many discontinuities it was notified of. */
  discontinuities = 0
  /** How often its connection ended. */
  losses = 0
  private readonly port: () => number
  private readonly onSeen: (seen: Seen) => void
  private socket: WebSocket | undefined = undefined
  private from: string | null = null
  private isOver = false

  constructor(port: () => number, onSeen: (seen: Seen) => void) {
    this.port = port
    this.onSeen = onSeen
    this.connect()
  }

  /** Ends the connection in the middle of a frame. */
  lose(): void {
    const { socket } = this
    if (socket === undefined) return
    // The first bytes of a masked frame of 100 bytes.
    const stream = (socket as unknown as { readonly _socket?: { write: (bytes: Uint8Array) => void } })._socket
    stream?.write(Uint8Array.of(0x81, 0xe4, 1, 2, 3, 4, 0x5b))
    socket.terminate()
  }

  stop(): void {
    this.isOver = true
    this.socket?.terminate()
  }

  private connect(): void {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port()}/socket/websocket?vsn=2.0.0`, {
      perMessageDeflate: false,
      handshakeTimeout: 3000
    })
    this.socket = socket
    let answered: NodeJS.Timeout | undefined
    socket.on("open", () => {
      this.from = this.position
      socket.send(JSON.stringify(["1", "1", topic, "phx_join", { recover_from: this.from }]))
      answered = setTimeout(() => socket.terminate(), 5000)
    })
    socket.on("message", (data: Buffer) => {
      const [, ref, , event, payload, position] = JSON.parse(data.toString()) as [
        string | null,
        string | null,
        string,
        string,
        Fields,
        string | undefined
      ]
      if (event === "phx_reply" && ref === "1") {
        clearTimeout(answered)
        if (payload["status"] !== "ok") socket.terminate()
      } else this.read(socket, event, payload, position)
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      clearTimeout(answered)
      this.isJoined = false
      this.losses++
      this.onSeen({ _tag: "Lost" })
      if (!this.isOver) setTimeout(() => this.connect(), 100 + Math.random() * 200)
    })
  }

  private read(socket: WebSocket, event: string, payload: Fields, position: string | undefined): void {
    if (event === "phx_error" || event === "phx_close") socket.terminate()
    else if (event === "recovery") {
      const [complete, id] = [payload["complete"] === true, String(payload["id"])]
      this.onSeen({ _tag: "Joined", complete, from: this.from, id })
      this.position = complete && this.from !== null ? this.from : id
      this.isJoined = true
    } else if (event === "discontinuity") {
      const [from, to] = [String(payload["from"]), String(payload["to"])]
      this.discontinuities++
      this.onSeen({ _tag: "Gap", from, to })
      this.position = to
    } else if (position !== undefined) {
      if (event === "said") {
        this.onSeen({ _tag: "Delivered", value: Number(payload["n"]), position })
        this.delivered++
      } else this.onSeen({ _tag: "Passed", position })
      this.position = position
    }
  }
}

/** A client that asks, and reconnects. */
export class Asker {
  private readonly port: () => number
  private readonly topic: string
  private readonly waiting = new Map<string, (response: unknown) => void>()
  private socket: Promise<WebSocket> | undefined = undefined
  private refs = 1
  /** How many broadcasts it has got. */
  delivered = 0
  readonly onPush: (topic: string, payload: unknown) => void

  constructor(port: () => number, to = topic, onPush: (topic: string, payload: unknown) => void = () => {}) {
    this.port = port
    this.topic = to
    this.onPush = onPush
  }

  /** The response to an event; nothing where there is none within five seconds. */
  async ask(event: string, payload: unknown, to = this.topic): Promise<unknown> {
    const socket = await (this.socket ??= this.connect()).catch(() => undefined)
    if (socket?.readyState !== WebSocket.OPEN) {
      this.socket = undefined
      await sleep(50)
      return undefined
    }
    const ref = String(++this.refs)
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.terminate(), 5000)
      this.waiting.set(ref, (response) => {
        clearTimeout(timer)
        resolve(response)
      })
      socket.send(JSON.stringify([to, ref, to, event, payload]))
    })
  }

  stop(): void {
    void this.socket?.then((socket) => socket.terminate()).catch(() => {})
  }

  private connect(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port()}/socket/websocket?vsn=2.0.0`, {
      perMessageDeflate: false,
      handshakeTimeout: 3000
    })
    socket.on("message", (data: Buffer) => {
      const [, ref, from, event, payload] = JSON.parse(data.toString()) as [
        unknown,
        string | null,
        string,
        string,
        Fields
      ]
      if (event === "said") this.delivered++
      if (event !== "phx_reply" || ref === null) return this.onPush(from, payload)
      const { response, status } = payload
      this.waiting.get(ref)?.(status === "ok" ? response : undefined)
      this.waiting.delete(ref)
    })
    return new Promise((resolve, reject) => {
      const join = String(++this.refs)
      this.waiting.set(join, (response) => (response === undefined ? socket.terminate() : resolve(socket)))
      socket.on("open", () => socket.send(JSON.stringify([this.topic, join, this.topic, "phx_join", {}])))
      socket.on("error", () => {})
      socket.on("close", () => {
        this.socket = undefined
        for (const answer of this.waiting.values()) answer(undefined)
        this.waiting.clear()
        reject(new Error("closed"))
      })
    })
  }
}
