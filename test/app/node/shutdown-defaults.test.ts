import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"

import { handshake, head, raw, word } from "./Clients.ts"
import { compare, table } from "./Served.ts"
import type { Situation } from "./Served.ts"

const times = table()
const compared = compare(times, 7000)

describe.concurrent("shutdown with the default grace of 2 s and mercy of 3 s", () => {
  afterAll(times.print)

  it.live("app 16: a keep-alive connection that was busy closes with its response", () =>
    compared("defaults: busy keep-alive connection", {}, (stopping) => {
      const began = word()
      return {
        routes: HttpRouter.add(
          "GET",
          "/",
          Effect.as(Effect.all([began.say, stopping, Effect.sleep(100)]), HttpServerResponse.text("done"))
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, /Connection: close.*done$/s)
            assert.isBelow(took, 5)
          })
        })
      }
    })
  )

  it.live("app 16: grace is 2 s: then an endless stream is cut off", () =>
    compared("defaults: endless stream that ignores the shutdown", {}, () => {
      const tick = Stream.encodeText(Stream.map(Stream.tick(100), () => "data: tick\n\n"))
      return {
        routes: HttpRouter.add("GET", "/", HttpServerResponse.stream(tick)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          yield* client.until(/tick/)
          return (took) =>
            Effect.map(client.closed, () => {
              assert.isAtLeast(took, 1.99)
              assert.isBelow(took, 5)
            })
        })
      }
    })
  )

  it.live(
    "app 16: mercy is 3 s: then a WebSocket peer that ignores Close, and an uninterruptible handler, are left",
    () =>
      compared("defaults: WebSocket that ignores Close, uninterruptible", {}, (): Situation => {
        const began = word()
        const stubborn = Effect.uninterruptible(
          Effect.as(Effect.andThen(began.say, Effect.sleep(9000)), HttpServerResponse.text("late"))
        )
        const echo = Effect.gen(function* () {
          const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
          const pull = yield* Socket.readerString(socket)
          yield* (yield* socket.writer).write("welcome")
          return yield* Effect.forever(pull)
        })
        return {
          routes: Layer.mergeAll(
            HttpRouter.add("GET", "/stubborn", stubborn),
            HttpRouter.add("GET", "/echo", Effect.orDie(Effect.scoped(echo)))
          ),
          clients: Effect.fnUntraced(function* ({ port }) {
            const socket = yield* raw(port, handshake("/echo"))
            yield* socket.until(/welcome$/)
            const client = yield* raw(port, head("GET /stubborn"))
            yield* began.heard
            return Effect.fnUntraced(function* (took) {
              assert.isAtLeast(took, 4.99)
              yield* socket.closed
              assert.strictEqual(yield* client.closed, "")
            })
          })
        }
      })
  )
})
