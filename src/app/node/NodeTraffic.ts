/**
 * Knows the sockets and the requests in flight of a Node server. Internal to the app part.
 *
 * A connection is idle when it has no outstanding response, nothing of an answer is left to flush, and nothing was read since. Node's own
 * `closeIdleConnections`, which `server.close()` calls, also destroys connections whose answer was ended but not flushed: a slow reader would lose the rest.
 *
 * @since 0.1.0
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { Server as NetServer } from "node:net"
import type { Socket } from "node:net"
import { Server as TlsServer } from "node:tls"

import type * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"

import { titleOf } from "../Host.ts"

/** The traffic of a server. Internal to the app part. */
export interface Traffic {
  /** Ends when no request is in flight and no upgraded connection is open; to be awaited after `refuse`. */
  readonly idle: Effect.Effect<void>
  /** Each answer closes its connection from now on. */
  readonly closing: () => void
  /** Takes no new connections; idle ones are closed, and busy ones with their response. */
  readonly refuse: () => void
  /** Answers 503 where neither the answer has begun nor the request's body has come whole. Returns the requests whose answer is not complete. */
  readonly giveUp: () => ReadonlyArray<string>
  /** Destroys every socket. Returns the requests and upgraded connections that were open on them. */
  readonly destroy: () => ReadonlyArray<string>
  /** The open requests and upgraded connections. */
  readonly pending: () => ReadonlyArray<string>
}

/** The headers of an answer of our own. Internal to the app part. */
export const closing = { connection: "close", "content-length": 0 } as const

interface Connection {
  /** In the order of their requests. */
  readonly responses: Set<ServerResponse>
  newest: ServerResponse | undefined
  /** How many bytes had been read when its last request was answered. */
  read: number
  /** When it was accepted, and so how long its first request may have been on its way. */
  readonly since: number
}

const ConnectionKey: unique symbol = Symbol("fairlead/app/Connection")

/** A socket as it is looked up for each request. */
interface WatchedSocket extends Socket {
  [ConnectionKey]?: Connection
}

/** How many milliseconds after it was accepted a connection counts as busy, because its first request is on its way. */
const fresh = 100

/** Watches a server's traffic: before the stop a request costs an entry in a set and one listener. Internal to the app part. */
export const watch = (server: Server, idle: Latch.Latch): Traffic => {
  const sockets = new Set<Socket>()
  const connections = new Map<Socket, Connection>()
  const upgraded = new Map<Socket, string>()
  const lasts = new WeakSet<ServerResponse>()
  let outstanding = 0
  let stopping = false
  let refusing = false
  // A request that has arrived when the port closes, and was not read yet, is still answered.
  let arriving = false

  const settle = () => {
    if (!refusing) return
    if (outstanding + upgraded.size === 0 && !arriving) idle.openUnsafe()
    else idle.closeUnsafe()
  }
  const closeIfIdle = (socket: Socket, { read, responses }: Connection) => {
    if (refusing && !arriving && responses.size === 0 && !upgraded.has(socket) && socket.bytesRead === read)
      socket.destroy()
  }
  const occupy = (socket: Socket, title: string) => {
    if (socket.destroyed || upgraded.has(socket)) return
    upgraded.set(socket, title)
    settle()
    socket.once("close", () => {
      upgraded.delete(socket)
      settle()
    })
  }
  // Node sends `Connection: close`, and closes the connection after the response.
  const last = (response: ServerResponse) => {
    if (response.headersSent || !response.shouldKeepAlive) return
    response.shouldKeepAlive = false
    lasts.add(response)
  }
  // Of pipelined requests only the last closes the connection, or the answers after it would be lost.
  const notLast = (response: ServerResponse | undefined) => {
    if (response !== undefined && lasts.has(response) && !response.headersSent) response.shouldKeepAlive = true
  }
  const connectionOf = (socket: WatchedSocket): Connection => {
    const present = socket[ConnectionKey]
    if (present !== undefined) return present
    const connection: Connection = { responses: new Set(), newest: undefined, read: 0, since: performance.now() }
    socket[ConnectionKey] = connection
    connections.set(socket, connection)
    socket.once("close", () => {
      delete socket[ConnectionKey]
      connections.delete(socket)
      // Node closes only the response that the socket is at, not those that wait for it.
      outstanding -= connection.responses.size
      connection.responses.clear()
      settle()
    })
    return connection
  }
  function onClose(this: ServerResponse) {
    const { socket }: { readonly socket: WatchedSocket } = this.req
    const connection = socket[ConnectionKey]
    if (connection?.responses.delete(this)) outstanding--
    if (connection === undefined) return
    if (connection.newest === this) connection.newest = undefined
    connection.read = socket.bytesRead
    if (!refusing) return
    const { complete, method, url } = this.req
    // Effect ends, but does not destroy, a connection whose request body was not read: its client may still read the answer.
    if (!complete) occupy(socket, titleOf(method, url))
    closeIfIdle(socket, connection)
    settle()
  }
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = connectionOf(socket)
    connection.responses.add(response)
    outstanding++
    response.on("close", onClose)
    if (stopping) {
      notLast(connection.newest)
      last(response)
      if (refusing) idle.closeUnsafe()
    }
    connection.newest = response
  }
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  // Requests come on the secure socket, which wraps the other one.
  server.on(server instanceof TlsServer ? "secureConnection" : "connection", connectionOf)
  server.on("request", onRequest)
  server.on("checkContinue", onRequest)
  server.on("upgrade", ({ headers, method, url }: IncomingMessage, socket: Socket) => {
    // Nobody else listens while the request waits, and a reset would end the process.
    socket.on("error", () => {})
    occupy(socket, `${titleOf(method, url)} (${headers.upgrade ?? "upgraded"})`)
  })

  const open = (isOpen: (response: ServerResponse) => boolean) =>
    Array.from(connections.values(), ({ responses }) => Array.from(responses)).flatMap((responses) =>
      responses.filter(isOpen).map(({ req }) => titleOf(req.method, req.url))
    )
  /** For how long a connection still counts as busy that has sent nothing yet. */
  const freshFor = () => {
    const silent = Array.from(connections).filter(([{ bytesRead }]) => bytesRead === 0)
    return Math.max(0, ...silent.map(([, { since }]) => since + fresh - performance.now()))
  }
  const pending = () => [...open(() => true), ...upgraded.values()]

  const beClosing = () => {
    stopping = true
    for (const { newest } of connections.values()) if (newest !== undefined) last(newest)
  }
  return {
    idle: idle.await,
    closing: beClosing,
    refuse() {
      if (refusing) return
      beClosing()
      refusing = true
      arriving = true
      idle.closeUnsafe()
      // The method of `net`: that of `http` closes connections that still have requests for us.
      // In Bun a server of HTTP is no server of `net`.
      if (server instanceof NetServer) NetServer.prototype.close.call(server)
      else (server as Server).close()
      const arrived = () => {
        arriving = false
        for (const [socket, connection] of connections) closeIfIdle(socket, connection)
        settle()
      }
      // Two turns: one may have been past its reading already.
      setImmediate(() =>
        setImmediate(() => {
          const wait = freshFor()
          if (wait > 0) setTimeout(arrived, wait)
          else arrived()
        })
      )
    },
    giveUp() {
      const cut = open(({ writableEnded }) => !writableEnded)
      for (const { responses } of connections.values()) {
        for (const response of responses) {
          // Effect destroys the connection when the reading of a body is interrupted: then it is too late for an answer.
          if (!response.headersSent && !response.req.complete) response.writeHead(503, closing).end()
        }
      }
      return cut
    },
    destroy() {
      const cut = pending()
      for (const socket of sockets) socket.destroy()
      // No connection is left that this could close; it ends Node's timer for time-outs.
      server.close()
      return cut
    },
    pending
  }
}
