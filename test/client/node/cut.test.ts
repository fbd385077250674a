import { createSecureServer } from "node:http2"
import type { AddressInfo, Socket } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HttpClient } from "effect/http"
import { NodeTransport } from "fairlead/client/node"

import { certificateFor } from "./Certificate.ts"
import { here } from "./Secure.ts"

/** A server that sends a part of a body without a length, and cuts it off: over HTTP/2 by RST_STREAM with the code. */
const cutting = (code: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly ca: string; readonly stop: () => void }>((resume) => {
      const certificate = certificateFor("app.example")
      const sockets = new Set<Socket>()
      const server = createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
        if (request.httpVersion === "1.1") {
          response.write("part")
          setImmediate(() => request.socket.destroy())
        } else response.write("part", () => setTimeout(() => response.stream.close(code), 20))
      })
      server.on("sessionError", () => {})
      server.on("connection", (socket: Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const stop = () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
        resume(Effect.succeed({ url: `https://app.example:${port}`, ca: certificate.cert, stop }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )

const read = (url: string, tls: NodeTransport.TlsOptions) =>
  Effect.exit(Effect.flatMap(HttpClient.get(url), ({ text }) => text)).pipe(
    Effect.provide(NodeTransport.layer({ lookup: here, tls }))
  )

describe("a truncated body without a length", () => {
  it.live.each([
    ["CANCEL", 8],
    ["NO_ERROR", 0],
    ["INTERNAL_ERROR", 2]
  ] as const)("client2 2.1: is an error by default, whatever the server would say over HTTP/2: %s", ([, code]) =>
    Effect.gen(function* () {
      const { ca, url } = yield* cutting(code)
      assert.isTrue(Exit.isFailure(yield* read(url, { ca })))
    }).pipe(Effect.scoped)
  )

  it.live(
    "client2 2.1: is an error over HTTP/2 where RST_STREAM says so; with CANCEL or NO_ERROR undici does not report it",
    () =>
      Effect.gen(function* () {
        const ends: Array<string> = []
        for (const code of [2, 8, 0]) {
          const { ca, url } = yield* cutting(code)
          const exit = yield* read(url, { ca, allowH2: true })
          ends.push(Exit.isSuccess(exit) ? `success ${exit.value}` : "failure")
        }
        // The reason that HTTP/2 is off by default.
        assert.deepStrictEqual(ends, ["failure", "success part", "success part"])
      }).pipe(Effect.scoped)
  )
})
