import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const path = "/socket/websocket?vsn=2.0.0"

const forbidden = "HTTP/1.1 403 Forbidden"
const wrong = "HTTP/1.1 400 Bad Request"

describe.each(["node", "default"] as const)("handshakes, over the %s upgrade", (upgrade) => {
  /** What each of these requests is answered with, when the connection is over. */
  const answers = (port: number, requests: Readonly<Record<string, readonly [expected: string, request: string]>>) =>
    Effect.gen(function* () {
      for (const [what, [expected, request]] of Object.entries(requests)) {
        const raw = yield* Raw.connecting(port, request)
        // Where Node keeps the connection for another request, the client ends it.
        yield* raw.opened
        raw.socket.end()
        assert.strictEqual(yield* raw.ended, expected, what)
      }
    })

  it.live("channel 1.1: an invalid handshake is answered with an error, and nothing of it is left", () =>
    attacked(
      ({ port }) =>
        answers(port, {
          "no key": [wrong, Raw.handshake(path, { "Sec-WebSocket-Key": "" })],
          "a short key": [wrong, Raw.handshake(path, { "Sec-WebSocket-Key": "abc" })],
          "a long key": [wrong, Raw.handshake(path, { "Sec-WebSocket-Key": "x".repeat(5000) })],
          "no version": [wrong, Raw.handshake(path, { "Sec-WebSocket-Version": "" })],
          "version 0": [wrong, Raw.handshake(path, { "Sec-WebSocket-Version": "0" })],
          "version 14": [wrong, Raw.handshake(path, { "Sec-WebSocket-Version": "14" })],
          "a post": [wrong, Raw.handshake(path, { "Content-Length": "0" }, "POST")],
          "a put": [wrong, Raw.handshake(path, { "Content-Length": "0" }, "PUT")],
          "no upgrade": [wrong, Raw.handshake(path, { Upgrade: "", Connection: "" })],
          "an upgrade to nothing": [wrong, Raw.handshake(path, { Upgrade: "nothing" })],
          "half an upgrade": [wrong, Raw.handshake(path, { Connection: "close" })],
          "a protocol twice": [wrong, Raw.handshake(path, { "Sec-WebSocket-Protocol": "phoenix, phoenix" })],
          "a protocol of no name": [wrong, Raw.handshake(path, { "Sec-WebSocket-Protocol": "phoenix, , x" })]
        }),
      { upgrade }
    )
  )

  it.live("channel 1.1: other origins, protocols and versions are forbidden", () =>
    attacked(
      ({ port }) =>
        answers(port, {
          "another origin": [forbidden, Raw.handshake(path, { Origin: "http://evil.example" })],
          "an origin that begins alike": [forbidden, Raw.handshake(path, { Origin: "http://127.0.0.1.evil.example" })],
          "no origin at all": [forbidden, Raw.handshake(path, { Origin: "null" })],
          "an origin that is none": [forbidden, Raw.handshake(path, { Origin: "http://[" })],
          "another protocol": [forbidden, Raw.handshake(path, { "Sec-WebSocket-Protocol": "mqtt" })],
          "version 3": [forbidden, Raw.handshake("/socket/websocket?vsn=3.0.0")],
          "an empty version": [forbidden, Raw.handshake("/socket/websocket?vsn=")],
          "a long version": [forbidden, Raw.handshake(`/socket/websocket?vsn=2.0.${"-a".repeat(5000)}`)],
          "another path": ["HTTP/1.1 404 Not Found", Raw.handshake("/socket/websocket/x?vsn=2.0.0")]
        }),
      { upgrade }
    )
  )

  it.live("channel 1.1: anything other than HTTP ends with its connection", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const garbage = [
            "\0".repeat(1000),
            "GET\r\n\r\n",
            `GET ${path} HTTP/9.9\r\n\r\n`,
            `GET ${path} HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n`,
            `GET ${path} HTTP/1.1\r\n\r\n`
          ]
          for (const bytes of garbage) {
            const raw = yield* Raw.connecting(port, bytes)
            assert.strictEqual(yield* raw.ended, wrong)
          }
          const raw = yield* Raw.connecting(port, Raw.handshake(path, { "X-Long": "x".repeat(20_000) }))
          assert.strictEqual(yield* raw.ended, "HTTP/1.1 431 Request Header Fields Too Large")
        }),
      { upgrade }
    )
  )

  it.live("channel 1.1: an endless handshake ends by the time-out of the HTTP server", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const request = Raw.handshake()
          for (const length of [0, 3, request.length - 2]) {
            const raw = yield* Raw.connecting(port, request.slice(0, length))
            const ended = yield* raw.ended
            assert.strictEqual(ended, "HTTP/1.1 408 Request Timeout")
          }
        }),
      { upgrade, handshake: 50 }
    )
  )

  it.live("channel 1.1: a client that leaves while a handler decides its connect leaks nothing", () =>
    attacked(
      ({ counts, gate, port }) =>
        Effect.gen(function* () {
          const ends = ["destroy", "resetAndDestroy"] as const
          for (const end of ends) {
            const raw = yield* Raw.connecting(port, Raw.handshake(`${path}&stuck=true`))
            yield* eventually(
              Effect.sync(() => counts.connects),
              (connects) => connects === 1 + ends.indexOf(end)
            )
            raw.socket[end]()
            yield* raw.ended
          }
          yield* gate.open
        }),
      { upgrade }
    )
  )
})
