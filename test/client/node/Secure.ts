/**
 * Servers over TLS of this machine, closed with their connections at the end of the scope.
 */
import { createSecureServer } from "node:http2"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import { connect, createServer } from "node:net"
import type { AddressInfo, LookupFunction, Server, Socket } from "node:net"
import { Worker } from "node:worker_threads"

import { Effect } from "effect"

import { certificateFor } from "./Certificate.ts"

/** Every name is this machine. */
export const here: LookupFunction = (_, options, callback) =>
  options.all === true ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4)

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly connections: () => number; readonly stop: Effect.Effect<void> }>(
      (resume) => {
        const sockets = new Set<Socket>()
        let connections = 0
        server.on("connection", (socket: Socket) => {
          connections++
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => sockets.delete(socket))
        })
        const stop = Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ port, connections: () => connections, stop }))
        })
      }
    ),
    ({ stop }) => stop
  )

/** A server for `app.example` that speaks HTTP/2 and HTTP/1.1, as the client wants, and the certificate that it shows. */
export const secure = (answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void) =>
  Effect.gen(function* () {
    const certificate = certificateFor("app.example", "two.example")
    const server = createSecureServer({ ...certificate, allowHTTP1: true }, answer)
    server.on("sessionError", () => {})
    const { connections, port } = yield* listening(server)
    return { ca: certificate.cert, connections, port, url: `https://app.example:${port}` }
  })

/** A server that takes connections and says nothing: a TLS handshake with it never ends. */
export const speechless = Effect.map(
  Effect.suspend(() => listening(createServer())),
  ({ port }) => port
)

/** As many connections as fill the queue of a listener, which the kernel makes one longer than it was told. */
const queue = 2

const blocked = `
  const { parentPort } = require("node:worker_threads")
  const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: ${queue - 1} }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
`

/** A port of this machine where no connection comes to be: it listens in a thread that stands still, and its queue is full. */
export const unreachable = Effect.gen(function* () {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(blocked, { eval: true })),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const port = yield* Effect.callback<number>((resume) => {
    worker.once("message", (port: number) => resume(Effect.succeed(port)))
  })
  for (let taken = 0; taken < queue; taken++) {
    yield* Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  }
  return `http://127.0.0.1:${port}`
})
