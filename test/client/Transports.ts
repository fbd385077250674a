/**
 * The real transports, and a server of this machine for them.
 */
import { createServer } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"

import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import type { HttpClient } from "effect/http"

const fetchLayer = (connections: number) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const dispatcher = yield* NodeHttpClient.makeDispatcherOptions({ connections })
      const fetch = (url: string | URL | Request, init?: RequestInit) =>
        globalThis.fetch(url, Object.assign({}, init, { dispatcher }))
      return FetchHttpClient.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)))
    })
  )

/** The transports by name, each with at most that many connections, which are closed with the layer. */
export const transportsWith = (
  connections: number
): ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> => [
  ["fetch", fetchLayer(connections)],
  ["undici", NodeHttpClient.layerUndiciOptions({ connections })],
  ["node:http", NodeHttpClient.layerNodeHttpOptions({ maxSockets: connections, keepAlive: true })]
]

/** Answers with the request's method and body. */
const echo = async (request: IncomingMessage, response: ServerResponse) => {
  let content = ""
  for await (const chunk of request) content += String(chunk)
  response.end(`${request.method} ${content}`)
}

/** A megabyte. */
const large = Buffer.alloc(1024 * 1024, "x")

interface Serving {
  readonly url: string
  /** The paths that were asked for. */
  readonly paths: Array<string>
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>
  /** How many connections there were. */
  readonly connections: () => number
  /** Waits until the path has been asked for. */
  readonly asked: (path: string) => Effect.Effect<void>
  /** Waits until an answer to the path was given up by the client. */
  readonly aborted: (path: string) => Effect.Effect<void>
}

const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
  switch (request.url) {
    case "/large":
      return response.writeHead(503).end(large)
    case "/endless": {
      response.writeHead(200).write("begin")
      const timer = setInterval(() => response.write("more"), 20)
      return response.on("close", () => clearInterval(timer))
    }
    case "/hang":
      return undefined
    case "/cookies":
      return response.writeHead(200, { "Set-Cookie": ["a=1; Path=/x", "a=2; Path=/y"] }).end("ok")
    default:
      return echo(request, response)
  }
}

/** Serves until the scope ends. */
export const serving = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  const paths: Array<string> = []
  const closed: Array<string> = []
  const waiting = new Set<() => void>()
  let connections = 0
  const note = (list: Array<string>, path: string) => {
    list.push(path)
    for (const look of waiting) look()
  }
  const until = (list: Array<string>, path: string): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const look = () => {
        if (!list.includes(path)) return
        waiting.delete(look)
        resume(Effect.void)
      }
      waiting.add(look)
      look()
    })
  const server = createServer((request, response) => {
    const path = request.url ?? ""
    response.on("close", () => {
      if (!response.writableFinished) note(closed, path)
    })
    note(paths, path)
    answer(request, response)
  })
  server.on("connection", (socket) => {
    connections++
    sockets.add(socket)
    socket.on("error", () => {}).on("close", () => sockets.delete(socket))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  const served: Serving = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    sockets,
    connections: () => connections,
    asked: (path) => until(paths, path),
    aborted: (path) => until(closed, path)
  }
  return served
})
