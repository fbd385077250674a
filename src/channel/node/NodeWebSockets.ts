/**
 * Upgrades requests of Node's HTTP server to WebSockets by the `ws` package. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"

import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { Frame } from "../Payload.ts"
import { NotUpgradable } from "../Upgrade.ts"
import type { Options, Prepared, Receiver, Transport } from "../Upgrade.ts"
import { CompressedTransport } from "./CompressedTransport.ts"
import { Turn } from "./Turn.ts"
import type { Flushable, Run } from "./Turn.ts"

// Whoever began to close, and for whatever reason. An option of ws that its types do not know.
const closing = { closeTimeout: 5000 }

/** A whole WebSocket frame of a server: it is never masked, and never in parts. */
const prepare = (frame: Frame): Prepared => {
  const text = typeof frame === "string"
  const length = text ? Buffer.byteLength(frame) : frame.byteLength
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const bytes = Buffer.allocUnsafe(start + length)
  bytes[0] = text ? 0x81 : 0x82
  if (start === 2) bytes[1] = length
  else if (start === 4) {
    bytes[1] = 126
    bytes.writeUInt16BE(length, 2)
  } else {
    bytes[1] = 127
    bytes.writeBigUInt64BE(BigInt(length), 2)
  }
  if (text) bytes.write(frame, start)
  else bytes.set(frame, start)
  return bytes
}

const fault = ({ headers, method }: IncomingMessage): string | undefined =>
  method !== "GET"
    ? "A WebSocket handshake is a GET"
    : !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? "") || headers.upgrade?.toLowerCase() !== "websocket"
      ? "The request asks for no upgrade to websocket"
      : !/^[+/\dA-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "")
        ? "The Sec-WebSocket-Key is missing or wrong"
        : headers["sec-websocket-version"] === "13" || headers["sec-websocket-version"] === "8"
          ? undefined
          : "The Sec-WebSocket-Version is neither 13 nor 8"

/** Frames above this are written by themselves: copying them costs more than a system call. */
const largeFrame = 16 * 1024

const maxRun = 64 * 1024

/** A class, since there is one for each socket: its methods are there once. */
class NodeTransport implements Transport, Flushable {
  private readonly ws: ClosingWebSocket
  private readonly socket: Socket
  private readonly turn: Turn
  private run: Run | undefined = undefined

  constructor(ws: ClosingWebSocket, socket: Socket, turn: Turn) {
    this.ws = ws
    this.socket = socket
    this.turn = turn
  }

  prepare(frame: Frame): Prepared {
    return prepare(frame)
  }

  write(prepared: Prepared): void {
    const frame = prepared as Buffer
    if (this.run !== undefined && (frame.length > largeFrame || this.run.bytes + frame.length > maxRun)) this.flush()
    if (frame.length > largeFrame) return this.send(frame)
    if (this.run === undefined) {
      this.run = this.turn.root
      this.turn.add(this)
    }
    this.run = this.run.with(frame)
  }

  flush(): void {
    const { run } = this
    if (run === undefined) return
    this.run = undefined
    this.send(run.joined())
  }

  ready(): boolean {
    return !this.socket.writableNeedDrain
  }

  onDrain(listener: () => void): void {
    this.socket.once("drain", listener)
  }

  close(code: number, reason: string): void {
    this.flush()
    this.ws.noticesCloseFrame = false
    this.ws.close(code, reason)
  }

  // Without compression, ws itself does no more than to write a header and the payload.
  private send(bytes: Buffer): void {
    if (this.ws.readyState === this.ws.OPEN) this.socket.write(bytes)
  }
}

/** Hands its events to its receiver without a listener for each. Notices the peer's Close frame, which ws answers by `close`, before the connection ends. */
class ClosingWebSocket extends NodeWS.WebSocket {
  receiver: Receiver | undefined = undefined
  noticesCloseFrame = true

  override close(code?: number, data?: string | Buffer): void {
    if (this.noticesCloseFrame && this.readyState === this.OPEN) this.receiver?.closed(code ?? 1005)
    super.close(code, data)
  }

  override emit(event: string | symbol, ...args: ReadonlyArray<unknown>): boolean {
    switch (event) {
      case "message": {
        const [data, isBinary] = args as [Buffer, boolean]
        this.receiver?.receive(isBinary ? data : data.toString())
        return true
      }
      case "ping":
      case "pong":
        this.receiver?.touch()
        return true
      case "error":
        // A fault of the peer ends in a close, with the code of ws.
        return true
      case "close":
        this.receiver?.closed(args[0] as number)
    }
    return super.emit(event, ...args)
  }
}

const listen = (ws: ClosingWebSocket, socket: Socket, receiver: Receiver): void => {
  ws.receiver = receiver
  // Before ws changes its state for it.
  socket.prependListener("end", () => {
    if (ws.readyState === ws.OPEN) receiver.closed(1006)
  })
}

const refusal = (description: string) => Effect.fail(new NotUpgradable({ description }))

// A window for each socket would cost some 300 kB, for as long as it is open.
const deflate = ({ level, threshold }: NonNullable<Options["compression"]>) => ({
  threshold,
  zlibDeflateOptions: { level },
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  concurrencyLimit: 10
})

/** Upgrades requests to WebSockets. Internal to the channel part. */
export const upgrades = () => {
  const turn = new Turn()
  const servers = new Map<string, NodeWS.WebSocketServer>()
  const serverOf = ({ compression, maxFrame }: Options): NodeWS.WebSocketServer => {
    const key = `${maxFrame} ${compression?.threshold} ${compression?.level}`
    let server = servers.get(key)
    if (server === undefined) {
      server = new NodeWS.WebSocketServer({
        noServer: true,
        WebSocket: ClosingWebSocket,
        clientTracking: false,
        perMessageDeflate: compression === undefined ? false : deflate(compression),
        ...closing,
        maxPayload: maxFrame,
        handleProtocols: (offered: Set<string>) => (offered.has("phoenix") ? "phoenix" : false)
      })
      servers.set(key, server)
    }
    return server
  }
  return (
    request: HttpServerRequest,
    options: Options,
    open: (transport: Transport) => Receiver
  ): Effect.Effect<void, NotUpgradable> =>
    Effect.suspend(() => {
      const incoming = NodeHttpServerRequest.toIncomingMessage(request) as IncomingMessage
      const { socket } = incoming
      const wrong = fault(incoming) ?? (socket.destroyed ? "The connection is gone" : undefined)
      if (wrong !== undefined) return refusal(wrong)
      let ws: ClosingWebSocket | undefined
      serverOf(options).handleUpgrade(incoming, socket, noHead, (made) => {
        // The server makes no others.
        const opened = made as ClosingWebSocket
        ws = opened
        const isCompressed = opened.extensions.includes("permessage-deflate")
        const transport = isCompressed ? new CompressedTransport(opened) : new NodeTransport(opened, socket, turn)
        listen(opened, socket, open(transport))
      })
      if (ws === undefined) return refused(socket)
      return detach(request) ? Effect.void : ended(ws)
    })
}

const noHead = Buffer.alloc(0)

// A refusal of ws is answered by ws itself, without an event. The answer to the request must not come before.
const refused = (socket: Socket): Effect.Effect<never, NotUpgradable> =>
  Effect.callback((resume) => {
    const closed = () => resume(refusal("The handshake was refused"))
    if (socket.closed) closed()
    else socket.once("close", closed)
  })

const upgraded = HttpServerResponse.empty({ status: 101 })

/** Notes in a request that its connection was upgraded, so that no response is written to it. Returns whether it could, as the types of Effect do not say. */
const detach = (request: HttpServerRequest): boolean => {
  const { upgradeState } = request as { upgradeState?: { response?: HttpServerResponse.HttpServerResponse } }
  if (upgradeState === undefined || !("response" in upgradeState)) return false
  upgradeState.response = upgraded
  return true
}

/** Ends when a socket is gone: whoever ends its request earlier writes to its connection. Interrupted, it says goodbye. */
const ended = (ws: NodeWS.WebSocket): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (ws.readyState === ws.CLOSED) return resume(Effect.void)
    const closed = () => resume(Effect.void)
    ws.once("close", closed)
    return Effect.callback<void>((resume) => {
      ws.off("close", closed)
      if (ws.readyState === ws.CLOSED) return resume(Effect.void)
      ws.once("close", () => resume(Effect.void))
      ws.close(1012)
    })
  })
