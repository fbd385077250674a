import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"

import { requestOf } from "../server/Journal.ts"
import { writer } from "./Writer.ts"

/** A server as Effect's own are: it runs what it is given in a fiber of its own for each request, until the scope of `serve` closes. */
const server = () => {
  let send: Effect.Effect<Fiber.Fiber<HttpServerResponse.HttpServerResponse, unknown>> = Effect.die("not serving")
  const layer = Layer.succeed(
    HttpServer.HttpServer,
    HttpServer.make({
      address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 4242),
      serve: (app) =>
        Effect.gen(function* () {
          const context = yield* Effect.context()
          const scope = yield* Effect.scope
          const one = app.pipe(
            Effect.provideService(HttpServerRequest.HttpServerRequest, requestOf()),
            Effect.scoped,
            Effect.provideContext(context)
          )
          send = Effect.forkIn(one, scope)
        })
    })
  )
  return { layer, send: Effect.suspend(() => send) }
}

const answering = (text: string) => App.make("x").serve(Effect.succeed(HttpServerResponse.text(text)))

describe("App.launch", () => {
  it.effect("app 9: on any server, a request that comes before liftoff has ended is answered after it", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const [lifting, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const { layer, send } = server()
      const slow = Fairing.onLiftoff("slow", ({ address }) =>
        Effect.gen(function* () {
          yield* on(`liftoff on ${NetAddress.isInetAddress(address) && address.port}`)
          yield* Deferred.succeed(lifting, undefined)
          yield* Deferred.await(go)
          yield* on("lifted")
        })
      )
      const app = answering("hello")
        .attach(slow)
        .attach(Fairing.onRequest("notes", () => on("request")))
      const launching = yield* Effect.forkChild(Layer.build(App.launch(app, layer)))
      yield* Deferred.await(lifting)
      const early = yield* send
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(early.pollUnsafe())
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(launching)
      assert.strictEqual((yield* Fiber.join(early)).status, 200)
      assert.strictEqual((yield* Fiber.join(yield* send)).status, 200)
      assert.deepStrictEqual(entries, ["liftoff on 4242", "lifted", "request", "request"])
    })
  )

  it.effect(
    "app 16: closing its scope waits for a request in flight, runs the shutdown hooks, and no longer than that",
    () =>
      Effect.gen(function* () {
        const { entries, on } = writer()
        const [begun, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const { layer, send } = server()
        const slow = Effect.gen(function* () {
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(go)
          return HttpServerResponse.empty()
        })
        const app = App.make("x")
          .attach(Fairing.onShutdown("bye", () => on("shutdown")))
          .serve(slow)
        const life = yield* Effect.forkChild(
          Effect.scoped(
            Effect.andThen(Layer.build(App.launch(app, layer, { grace: "1 hour" })), Effect.flatMap(send, Fiber.join))
          )
        )
        yield* Deferred.await(begun)
        const closing = yield* Effect.forkChild(Fiber.interrupt(life))
        yield* TestClock.adjust("59 minutes")
        assert.deepStrictEqual(entries, ["shutdown"])
        assert.isUndefined(closing.pollUnsafe())
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(closing)
      })
  )

  it.effect(
    "app 17: requests still running after grace are interrupted, and an uninterruptible handler ends no later than mercy",
    () =>
      Effect.gen(function* () {
        const { entries, on } = writer()
        for (const [stubborn, seconds] of [
          [false, 2],
          [true, 5]
        ] as const) {
          const begun = yield* Deferred.make<void>()
          const { layer, send } = server()
          const waits = Effect.onInterrupt(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), () =>
            on("interrupted")
          )
          const app = App.make("x").serve(stubborn ? Effect.uninterruptible(waits) : waits)
          const life = yield* Effect.forkChild(
            Effect.scoped(
              Effect.andThen(
                Layer.build(App.launch(app, layer, { grace: "2 seconds", mercy: "3 seconds" })),
                Effect.flatMap(send, Fiber.await)
              )
            )
          )
          yield* Deferred.await(begun)
          const closing = yield* Effect.forkChild(Fiber.interrupt(life))
          yield* TestClock.adjust(seconds * 1000 - 1)
          assert.isUndefined(closing.pollUnsafe())
          yield* TestClock.adjust(1)
          yield* Fiber.join(closing)
        }
        assert.deepStrictEqual(entries, ["interrupted"])
      })
  )
})
