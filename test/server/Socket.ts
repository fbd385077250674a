/**
 * Serves an app on a real socket of this machine, and talks to it.
 */
import { createServer } from "node:http"
import { connect } from "node:net"
import type { Socket } from "node:net"

import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Served {
  readonly url: string
  readonly call: (path: string, init?: RequestInit) => Effect.Effect<Answer>
  /** Sends these bytes, and gives the connection. */
  readonly send: (bytes: string) => Effect.Effect<Socket>
}

/** Serves what the layer registers on a free port, until the scope ends. */
export const serving = <E, R>(app: Layer.Layer<never, E, HttpServer.HttpServer | R>) =>
  Effect.gen(function* () {
    const options = { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }
    const context = yield* Layer.build(Layer.provideMerge(app, NodeHttpServer.layer(createServer, options)))
    const url = yield* Effect.provide(
      HttpServer.addressFormattedWith((address) => Effect.succeed(address)),
      context
    )
    const port = Number(new URL(url).port)
    const served: Served = {
      url,
      call: (path, init) =>
        Effect.promise(async (signal) => {
          const answer = await fetch(new URL(path, url), { signal, ...init })
          return { status: answer.status, headers: answer.headers, text: await answer.text() }
        }),
      send: (bytes) =>
        Effect.callback((resume) => {
          const socket = connect(port, "127.0.0.1", () => {
            socket.write(bytes)
            resume(Effect.succeed(socket))
          })
          socket.on("error", () => {})
        })
    }
    return served
  })

/** All that the other side sends until it ends the connection. */
export const received = (socket: Socket): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
    socket.on("close", () => resume(Effect.succeed(text)))
  })
