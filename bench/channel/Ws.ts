/** `ws` alone, with as much of the protocol as the bench asks for: JSON in and out, members in sets, nothing checked. */
import { createServer } from "node:http"
import type { Socket } from "node:net"

import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"

import { host } from "../server/Contender.ts"
import { message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"
import { frameOf } from "./Frames.ts"

interface Peer {
  readonly ws: WebSocket
  readonly socket: Socket
}

type Fanout = (peers: Iterable<Peer>, text: string) => void

/** One frame, header and all, past `ws` to each socket. */
const preBuilt: Fanout = (peers, text) => {
  const frame = frameOf(text)
  for (const { socket, ws } of peers) if (ws.readyState === ws.OPEN) socket.write(frame)
}

/** The usual loop. */
const sendToEach: Fanout = (peers, text) => {
  for (const { ws } of peers) if (ws.readyState === ws.OPEN) ws.send(text)
}

type Frame = [joinRef: string, ref: string, topic: string, event: string, payload: unknown]

const serving =
  (fanout: Fanout): Serve =>
  async (port) => {
    const rooms = new Map<string, Set<Peer>>()
    const broadcast = (topic: string, payload: unknown): void => {
      const peers = rooms.get(topic)
      if (peers !== undefined) fanout(peers, JSON.stringify([null, null, topic, "said", payload]))
    }
    const join = (topic: string, peer: Peer): void => {
      const peers = rooms.get(topic)
      if (peers === undefined) rooms.set(topic, new Set([peer]))
      else peers.add(peer)
    }
    const server = createServer()
    const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })
    sockets.on("connection", (ws, { socket }) => {
      const peer: Peer = { ws, socket }
      const joined = new Set<string>()
      const leave = (topic: string): void => {
        joined.delete(topic)
        rooms.get(topic)?.delete(peer)
      }
      ws.on("message", (data: Buffer) => {
        const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString()) as Frame
        const reply = (response: unknown): void =>
          ws.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response }]))
        switch (event) {
          case "phx_join":
            joined.add(topic)
            join(topic, peer)
            return reply({})
          case "phx_leave":
            leave(topic)
            reply({})
            return ws.send(JSON.stringify([joinRef, joinRef, topic, "phx_close", {}]))
          case "shout":
            return broadcast(topic, payload)
          default:
            return reply(payload)
        }
      })
      ws.on("close", () => joined.forEach(leave))
    })
    await new Promise<void>((resolve) => server.listen(port, host, resolve))
    return (topic) => broadcast(topic, message)
  }

export const wsPreBuilt = serving(preBuilt)
export const wsSend = serving(sendToEach)
