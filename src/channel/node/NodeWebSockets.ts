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
    this.ws.onCloseFrame = undefined
    this.ws.close(code, reason)
  }

  // Without compression, ws itself does no more than to write a header and the payload.
  private send(bytes: Buffer): void {
    if (this.ws.readyState === this.ws.OPEN) this.socket.write(bytes)
  }
}

/** Notices the peer's Close frame, which ws answers by this method, before the connection ends. */
class ClosingWebSocket extends NodeWS.WebSocket {
  onCloseFrame: ((code: number) => void) | undefined = undefined

  override close(code?: number, data?: string | Buffer): void {
    if (this.readyState === this.OPEN) this.onCloseFrame?.(code ?? 1005)
    super.close(code, data)
  }
}

// A fault of the peer ends in a close, with the code of ws.
const noted = (): void => {}

const listen = (ws: ClosingWebSocket, socket: Socket, receiver: Receiver, done: () => void): void => {
  const touch = () => receiver.touch()
  const closed = (code: number): void => receiver.closed(code)
  ws.on("message", (data: Buffer, isBinary: boolean) => receiver.receive(isBinary ? data : data.toString()))
  ws.on("ping", touch)
  ws.on("pong", touch)
  ws.on("error", noted)
  ws.on("close", (code: number) => {
    receiver.closed(code)
    // Not before: whoever ends the request writes to its connection.
    done()
  })
  ws.onCloseFrame = closed
  // Before ws changes its state for it.
  socket.prependOnceListener("end", () => {
    if (ws.readyState === ws.OPEN) closed(1006)
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
    Effect.callback<void, NotUpgradable>((resume) => {
      const incoming = NodeHttpServerRequest.toIncomingMessage(request) as IncomingMessage
      const { socket } = incoming
      const wrong = fault(incoming) ?? (socket.destroyed ? "The connection is gone" : undefined)
      if (wrong !== undefined) return resume(refusal(wrong))
      // A refusal of ws is answered by ws itself, without an event.
      const refused = () => resume(refusal("The handshake was refused"))
      socket.once("close", refused)
      let ws: ClosingWebSocket | undefined
      serverOf(options).handleUpgrade(incoming, socket, Buffer.alloc(0), (made) => {
        // The server makes no others.
        const opened = made as ClosingWebSocket
        ws = opened
        socket.off("close", refused)
        const isCompressed = opened.extensions.includes("permessage-deflate")
        const transport = isCompressed ? new CompressedTransport(opened) : new NodeTransport(opened, socket, turn)
        listen(opened, socket, open(transport), () => resume(Effect.void))
      })
      return Effect.suspend(() => (ws === undefined || ws.readyState === ws.CLOSED ? Effect.void : goodbye(ws)))
    })
}

/** Closes a socket whose server ends, and waits for it. */
const goodbye = (ws: NodeWS.WebSocket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    ws.once("close", () => resume(Effect.void))
    ws.close(1012)
  })
