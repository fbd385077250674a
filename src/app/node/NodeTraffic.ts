/**
 * Knows the sockets and the requests in flight of a Node server. Internal to the app part.
 *
 * @since 0.1.0
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

import type * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"

/** The traffic of a server. Internal to the app part. */
export interface Traffic {
  /** Ends when no request is in flight and no upgraded connection is open; to be awaited behind `refuse`. */
  readonly idle: Effect.Effect<void>
  /** Takes no new connections; those that are idle are closed, and busy ones with their response. */
  readonly refuse: () => void
  /** Answers 503 where neither the answer has begun nor the request's body has come whole. */
  readonly giveUp: () => void
  /** Destroys every socket, and says how many. */
  readonly destroy: () => number
}

/** The headers of an answer of our own. Internal to the app part. */
export const closing = { connection: "close", "content-length": 0 } as const

/** Watches a server's traffic: before `refuse` a request costs an entry in a set and one listener. Internal to the app part. */
export const watch = (server: Server, idle: Latch.Latch): Traffic => {
  const sockets = new Set<Socket>()
  const responses = new Set<ServerResponse>()
  const upgraded = new Set<Socket>()
  const newest = new WeakMap<Socket, ServerResponse>()
  const lasts = new WeakSet<ServerResponse>()
  let refusing = false

  const settle = () => {
    if (!refusing) return
    server.closeIdleConnections()
    if (responses.size + upgraded.size === 0) idle.openUnsafe()
    else idle.closeUnsafe()
  }
  const occupy = (socket: Socket) => {
    if (socket.destroyed || upgraded.has(socket)) return
    upgraded.add(socket)
    settle()
    socket.once("close", () => {
      upgraded.delete(socket)
      settle()
    })
  }
  // Node sends `Connection: close`, and closes the connection behind the response.
  const last = (response: ServerResponse) => {
    if (response.headersSent || !response.shouldKeepAlive) return
    response.shouldKeepAlive = false
    lasts.add(response)
  }
  // Of pipelined requests only the last closes the connection, or the answers behind it would be lost.
  const notLast = (response: ServerResponse | undefined) => {
    if (response !== undefined && lasts.has(response) && !response.headersSent) response.shouldKeepAlive = true
  }

  const onConnection = (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  }
  function onClose(this: ServerResponse) {
    responses.delete(this)
    if (!refusing) return
    // Effect ends, but does not destroy, a connection whose request body was not read: its client may still read the answer.
    if (!this.req.complete) occupy(this.req.socket)
    settle()
  }
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse) => {
    responses.add(response)
    response.on("close", onClose)
    if (!refusing) return
    idle.closeUnsafe()
    notLast(newest.get(socket))
    last(response)
    newest.set(socket, response)
  }
  server.on("connection", onConnection)
  server.on("request", onRequest)
  server.on("checkContinue", onRequest)
  server.on("upgrade", (_, socket: Socket) => {
    // Nobody else listens while the request waits, and a reset would end the process.
    socket.on("error", () => {})
    occupy(socket)
  })

  return {
    idle: idle.await,
    refuse() {
      refusing = true
      server.close()
      for (const response of responses) newest.set(response.req.socket, response)
      for (const response of responses) if (newest.get(response.req.socket) === response) last(response)
      settle()
    },
    giveUp() {
      for (const response of responses) {
        // Effect destroys the connection when the reading of a body is interrupted: then it is too late for an answer.
        if (!response.headersSent && !response.req.complete) response.writeHead(503, closing).end()
      }
    },
    destroy() {
      const open = sockets.size
      for (const socket of sockets) socket.destroy()
      return open
    }
  }
}
