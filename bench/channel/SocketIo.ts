/** socket.io over WebSockets alone, without the HTTP request that it holds on to: the form that costs least. */
import { createServer } from "node:http"

import { Server } from "socket.io"

import { host } from "../server/Contender.ts"
import { message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

/** No ping within a run, which the load client would have to answer. */
const pingInterval = 3_600_000

interface Incoming {
  readonly join: (topic: string, ack: () => void) => void
  readonly leave: (topic: string, ack: () => void) => void
  readonly echo: (payload: unknown, ack: (payload: unknown) => void) => void
  readonly shout: (topic: string, payload: unknown) => void
}

interface Outgoing {
  readonly said: (payload: unknown) => void
}

export const socketIo: Serve = async (port) => {
  const server = createServer()
  const io = new Server<Incoming, Outgoing>(server, { transports: ["websocket"], serveClient: false, pingInterval })
  io.engine.on("connection", (socket: { request: unknown }) => {
    socket.request = null
  })
  io.on("connection", (socket) => {
    socket.on("join", (topic, ack) => {
      void socket.join(topic)
      ack()
    })
    socket.on("leave", (topic, ack) => {
      void socket.leave(topic)
      ack()
    })
    socket.on("echo", (payload, ack) => ack(payload))
    socket.on("shout", (topic, payload) => void io.to(topic).emit("said", payload))
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return (topic) => void io.to(topic).emit("said", message)
}
