/**
 * WebSockets on Node, by the `ws` package that `@effect/platform-node` brings, in place of the default that works everywhere.
 *
 * 1. A frame that is too large is refused by its header, before it is read.
 * 2. A broadcast's frame is built once, header and all, and the same bytes are written to every socket.
 * 3. A client that reads slowly is seen, so that what waits for it is bounded.
 * 4. A peer that does not answer the closing handshake is cut off after 5 seconds.
 *
 * Frames that a client sends before the handshake is answered, which RFC 6455 §4.1 forbids, are lost.
 *
 * @since 0.1.0
 */
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"

import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"

import { NotUpgradable, Upgrade } from "../Upgrade.ts"
import type { Options, Prepared, Receiver, Transport } from "../Upgrade.ts"
import type { Frame } from "../wire/Message.ts"

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

/** A class, since there is one for each socket: its methods are there once. */
class NodeTransport implements Transport {
  private readonly ws: NodeWS.WebSocket
  private readonly socket: Socket

  constructor(ws: NodeWS.WebSocket, socket: Socket) {
    this.ws = ws
    this.socket = socket
  }

  prepare(frame: Frame): Prepared {
    return prepare(frame)
  }

  // Without compression, ws itself does no more than to write a header and the payload.
  write(prepared: Prepared): void {
    if (this.ws.readyState === this.ws.OPEN) this.socket.write(prepared)
  }

  ready(): boolean {
    return !this.socket.writableNeedDrain
  }

  onDrain(listener: () => void): void {
    this.socket.once("drain", listener)
  }

  pause(): void {
    this.ws.pause()
  }

  resume(): void {
    this.ws.resume()
  }

  ping(): void {
    if (this.ws.readyState === this.ws.OPEN) this.ws.ping()
  }

  close(code: number, reason: string): void {
    this.ws.close(code, reason)
  }
}

// A fault of the peer ends in a close, with the code that ws gave it.
const noted = (): void => {}

const listen = (ws: NodeWS.WebSocket, receiver: Receiver, done: () => void): void => {
  const touch = () => receiver.touch()
  ws.on("message", (data: Buffer, isBinary: boolean) => receiver.receive(isBinary ? data : data.toString()))
  ws.on("ping", touch)
  ws.on("pong", touch)
  ws.on("error", noted)
  ws.on("close", (code: number) => {
    receiver.closed(code)
    done()
  })
}

const refusal = (description: string) => Effect.fail(new NotUpgradable({ description }))

const upgrades = () => {
  const servers = new Map<number, NodeWS.WebSocketServer>()
  const serverOf = (maxFrame: number): NodeWS.WebSocketServer => {
    let server = servers.get(maxFrame)
    if (server === undefined) {
      server = new NodeWS.WebSocketServer({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        ...closing,
        maxPayload: maxFrame,
        handleProtocols: (offered: Set<string>) => (offered.has("phoenix") ? "phoenix" : false)
      })
      servers.set(maxFrame, server)
    }
    return server
  }
  return (
    request: HttpServerRequest,
    { maxFrame }: Options,
    open: (transport: Transport) => Receiver
  ): Effect.Effect<void, NotUpgradable> =>
    Effect.callback<void, NotUpgradable>((resume) => {
      const incoming = NodeHttpServerRequest.toIncomingMessage(request) as IncomingMessage
      const { socket } = incoming
      const wrong = fault(incoming) ?? (socket.destroyed ? "The connection is gone" : undefined)
      if (wrong !== undefined) return resume(refusal(wrong))
      // What ws refuses, it answers itself, and tells nobody.
      const refused = () => resume(refusal("The handshake was refused"))
      socket.once("close", refused)
      let ws: NodeWS.WebSocket | undefined
      serverOf(maxFrame).handleUpgrade(incoming, socket, Buffer.alloc(0), (opened) => {
        ws = opened
        socket.off("close", refused)
        listen(opened, open(new NodeTransport(opened, socket)), () => resume(Effect.void))
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

/**
 * WebSockets on Node: provide it to `ChannelServer.layer`.
 *
 * **Example** (On Node)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Broadcaster, ChannelServer } from "fairlead/channel"
 * import { NodeUpgrade } from "fairlead/channel/node"
 *
 * const realtime = ChannelServer.layer(ChannelServer.make("realtime"), { path: "/socket" }).pipe(
 *   Layer.provide([Broadcaster.layer, NodeUpgrade.layer])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.sync(Upgrade, upgrades)
