/**
 * Servers of this machine that behave as they are told, badly too, and the transports that talk to them.
 */
import { createServer } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer as createTcpServer } from "node:net"
import type { AddressInfo, Server, Socket } from "node:net"

import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly all: Set<Socket> }>((resume) => {
      const all = new Set<Socket>()
      server.on("connection", (socket: Socket) => {
        all.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => all.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, all }))
      })
    }),
    ({ all }) =>
      Effect.callback<void>((resume) => {
        for (const socket of all) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )

/** The connections that carried a request and are open: Node's fetch opens a spare one behind an aborted one. */
const used = () => {
  const sockets = new Set<Socket>()
  const add = (socket: Socket): void => {
    if (sockets.has(socket)) return
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  }
  return { sockets, add }
}

/** An HTTP server: its URL, and the connections in use. */
export const serving = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.gen(function* () {
    const { add, sockets } = used()
    const server = createServer((request, response) => {
      add(request.socket)
      answer(request, response)
    })
    const { url } = yield* listening(server)
    return { url, sockets }
  })

/** A server that answers a connection's first bytes by hand. */
export const answering = (answer: (socket: Socket, received: string) => void) =>
  Effect.gen(function* () {
    const { add, sockets } = used()
    const server = createTcpServer((socket) => {
      socket.once("data", (data) => {
        add(socket)
        answer(socket, data.toString("latin1"))
      })
    })
    const { url } = yield* listening(server)
    return { url, sockets }
  })

/** The bytes of a request's body. */
export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** The transports, by name; fetch is told to follow no redirects. */
export const transports: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layerNodeHttp],
  [
    "fetch",
    FetchHttpClient.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, FetchHttpClient.RequestInit.of({ redirect: "manual" })))
    )
  ]
]

type Request = HttpClientRequest.HttpClientRequest

/** What a script gives for a request. */
export type Answer = Response | "broken" | Effect.Effect<Response, HttpClientError.HttpClientError>

/** A transport in process, and what it was sent. */
export const scripted = (answer: (request: Request, url: URL, call: number) => Answer) => {
  const sent: Array<{ readonly request: Request; readonly url: URL }> = []
  const transport = HttpClient.make((request, url) => {
    // Effect's own trace headers are nobody's subject here.
    const bare = ["b3", "traceparent"].reduce((bare, name) => HttpClientRequest.removeHeader(bare, name), request)
    sent.push({ request: bare, url })
    const given = answer(request, url, sent.length)
    if (given === "broken") return Effect.fail(broken(request))
    const response = given instanceof Response ? Effect.succeed(given) : given
    return Effect.map(response, (web) => HttpClientResponse.fromWeb(request, web))
  })
  return { sent, transport }
}

const broken = (request: Request) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, description: "broken" })
  })
