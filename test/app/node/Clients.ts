/**
 * Real clients of a server on this machine: raw bytes on a TCP connection, fetch, and WebSocket.
 */
import { connect } from "node:net"
import type { Socket } from "node:net"

import { Deferred, Effect } from "effect"
import { WebSocket } from "ws"

/** A TCP connection, and what it received. */
interface Raw {
  readonly socket: Socket
  readonly received: () => string
  readonly write: (bytes: string) => Effect.Effect<void>
  /** All that was received, once it has the pattern; a connection that closes before is a defect. */
  readonly until: (pattern: RegExp) => Effect.Effect<string>
  /** All that was received, once the connection has closed. */
  readonly closed: Effect.Effect<string>
  /** Whether the other side ended the connection, instead of resetting it. */
  readonly ended: () => boolean
}

/** Connects and sends these bytes. The connection is destroyed with the scope. */
export const raw = Effect.fnUntraced(function* (port: number, bytes: string) {
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1")
      socket.once("connect", () => resume(Effect.succeed(socket)))
      socket.once("error", (error) => resume(Effect.die(error)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  let text = ""
  let closed = false
  let ended = false
  const watchers = new Set<() => void>()
  const changed = () => watchers.forEach((watch) => watch())
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk
    changed()
  })
  socket.on("error", () => {})
  socket.once("end", () => {
    ended = true
  })
  socket.once("close", () => {
    closed = true
    changed()
  })
  const when = (what: string, done: () => boolean) =>
    Effect.callback<string>((resume) => {
      const watch = () => {
        if (done()) resume(Effect.succeed(text))
        else if (closed) resume(Effect.die(new Error(`The connection closed before ${what}: ${text}`)))
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    })
  const write = (bytes: string) =>
    Effect.promise(() => new Promise<void>((resume) => socket.write(bytes, () => resume())))
  yield* write(bytes)
  const client: Raw = {
    socket,
    received: () => text,
    write,
    until: (pattern) => when(String(pattern), () => pattern.test(text)),
    closed: when("its close", () => closed),
    ended: () => ended
  }
  return client
})

/** The head of a request without a body; more header lines may be given. */
export const head = (line: string, ...headers: ReadonlyArray<string>): string =>
  [`${line} HTTP/1.1`, "Host: test", ...headers, "", ""].join("\r\n")

/** What a new connection comes to: `connected`, or the code of its error. */
export const connecting = (port: number): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(String(error.code))))
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed("connected"))
    })
    return Effect.sync(() => socket.destroy())
  })

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Sends a request by fetch. */
export const call = (port: number, path: string, init?: RequestInit): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal, ...init })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  })

/** A WebSocket, and with what code it was closed. */
interface Peer {
  readonly socket: WebSocket
  /** The next message. */
  readonly message: Effect.Effect<string>
  readonly code: Effect.Effect<number>
}

/** Opens a WebSocket of the `ws` package, which answers Close as it should. */
export const peer = Effect.fnUntraced(function* (port: number, path: string) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(`ws://127.0.0.1:${port}${path}`)),
    (socket) => Effect.sync(() => socket.terminate())
  )
  const messages: Array<string> = []
  const waiting: Array<(message: string) => void> = []
  socket.on("message", (data: Buffer) => {
    const text = data.toString("utf8")
    const next = waiting.shift()
    if (next === undefined) messages.push(text)
    else next(text)
  })
  const code = new Promise<number>((resolve) => socket.once("close", resolve))
  socket.on("error", () => {})
  const client: Peer = {
    socket,
    message: Effect.callback((resume) => {
      const message = messages.shift()
      if (message === undefined) waiting.push((later) => resume(Effect.succeed(later)))
      else resume(Effect.succeed(message))
    }),
    code: Effect.promise(() => code)
  }
  yield* Effect.callback<void>((resume) => void socket.once("open", () => resume(Effect.void)))
  return client
})

/** The head of a WebSocket handshake. */
export const handshake = (path: string): string =>
  head(
    `GET ${path}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
  )

/** A Close frame with the code 1001, as a server sends it, without a reason. */
export const goingAway = "\x88\x02\x03\xe9"

/** A word that the server's side says and the test hears, or the other way round. */
export const word = () => {
  const said = Deferred.makeUnsafe<void>()
  return {
    say: Deferred.succeed(said, undefined),
    sayNow: () => Deferred.doneUnsafe(said, Effect.void),
    heard: Deferred.await(said)
  }
}
