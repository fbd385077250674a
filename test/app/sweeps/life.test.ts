/**
 * An interruption at any operation of an application's life, of its hosts and of its shutdown leaves nothing behind.
 */
import { assert, describe } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { HttpEffect, HttpServer, HttpServerRequest } from "effect/http"
import type { HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { Shutdown } from "fairlead"
import { App, Fairing, RequestLocal } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { sweeps } from "../../kit/Sweeping.ts"
import { hello } from "../Writer.ts"

const quiet = Effect.provide(Logger.layer([]))

/** What is acquired and not yet released. */
const counted = () => {
  const held = new Set<string>()
  return {
    held,
    hold: (name: string) =>
      Effect.acquireRelease(
        Effect.sync(() => held.add(name)),
        () => Effect.sync(() => held.delete(name))
      )
  }
}

/** A server without sockets, whose requests a test sends. */
const server = () => {
  let serving: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, any> | undefined
  const served = Deferred.makeUnsafe<void>()
  const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80)
  const layer = Layer.succeed(
    HttpServer.HttpServer,
    HttpServer.make({
      address,
      serve: (app) =>
        Effect.suspend(() => {
          serving = app as typeof serving
          return Effect.asVoid(Deferred.succeed(served, undefined))
        })
    })
  )
  const request = HttpServerRequest.fromWeb(new Request("http://test/"))
  // Effect's servers run the application in an uninterruptible region. A host must not rely on it: other servers may not.
  const send = Effect.suspend(() =>
    HttpEffect.toHandled(Effect.interruptible(serving!), () => Effect.void).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request)
    )
  ) as Effect.Effect<void>
  return { layer, send, served: Deferred.await(served) }
}

describe("an application", () => {
  sweeps("ignition and launch", {
    make: Effect.sync(() => {
      const { held, hold } = counted()
      const app = App.make("x")
        .manage(Layer.effectDiscard(hold("managed")))
        .attach(Fairing.onIgnite("ignites", () => Effect.asVoid(hold("ignited"))))
        .attach(Fairing.onLiftoff("lifts", () => Effect.asVoid(hold("lifted"))))
        .mount(hello)
      return { app, held }
    }),
    call: ({ app }) =>
      quiet(Effect.scoped(Effect.andThen(Layer.build(App.launch(app, server().layer)), Effect.yieldNow))),
    after: ({ held }) => Effect.sync(() => assert.deepStrictEqual(Array.from(held), []))
  })

  sweeps("a request through hooks, and the stop", {
    make: Effect.gen(function* () {
      const { held, hold } = counted()
      const app = App.make("x")
        .attach(
          Fairing.make("hooks", {
            onRequest: () => Effect.andThen(hold("request"), Effect.yieldNow),
            onResponse: () => Effect.andThen(Effect.yieldNow, Effect.void)
          })
        )
        .mount(hello)
      return { held, app: yield* quiet(TestApp.make(app)) }
    }),
    call: ({ app }) => app.get("/"),
    after: ({ app, held }) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* app.get("/")).text, "hello")
        assert.deepStrictEqual((yield* app.terminate).cut, [])
        assert.strictEqual(held.size, 0)
      })
  })

  sweeps("a host's request at the gate", {
    make: Effect.gen(function* () {
      const { layer, send, served } = server()
      const lifted = yield* Deferred.make<void>()
      const app = App.make("x")
        .attach(Fairing.onLiftoff("waits", () => Deferred.await(lifted)))
        .mount(hello)
      const scope = yield* Scope.make()
      const launching = yield* Effect.forkDetach(quiet(Layer.buildWithScope(App.launch(app, layer), scope)))
      yield* served
      return { launching, lifted, scope, send }
    }),
    call: ({ lifted, send }) =>
      Effect.gen(function* () {
        const sent = yield* Effect.forkChild(send)
        yield* Effect.yieldNow
        yield* Deferred.succeed(lifted, undefined)
        yield* Fiber.join(sent)
      }),
    after: ({ launching, lifted, scope, send }) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(lifted, undefined)
        const { shutdown, stopped } = Context.get(yield* Fiber.join(launching), App.Launched)
        // The next request is counted like the first, and the stop has nobody to wait for.
        yield* send
        yield* shutdown.notify
        assert.deepStrictEqual((yield* stopped).cut, [])
        yield* Scope.close(scope, Exit.void)
      })
  })

  sweeps("a value of a request", {
    make: Effect.sync(() => {
      const request = HttpServerRequest.fromWeb(new Request("http://test/"))
      const local = RequestLocal.make(Effect.as(Effect.yieldNow, 7))
      return Effect.provideService(local, HttpServerRequest.HttpServerRequest, request)
    }),
    call: (local) => Effect.all([local, local], { concurrency: 2 }),
    after: (local) => Effect.map(local, (value) => value === 7)
  })
})

describe("a shutdown", () => {
  sweeps("readiness that is withdrawn", {
    make: Shutdown.make,
    call: ({ notReady }) => Effect.scoped(Effect.andThen(notReady, Effect.yieldNow)),
    after: ({ notReady, ready }) =>
      Effect.gen(function* () {
        assert.isTrue(yield* ready)
        yield* Effect.scoped(
          Effect.andThen(
            notReady,
            Effect.map(ready, (isReady) => assert.isFalse(isReady))
          )
        )
        assert.isTrue(yield* ready)
      })
  })

  sweeps("work that the shutdown awaits", {
    make: Shutdown.make,
    call: ({ drained }) => drained(Effect.yieldNow, "mail"),
    after: ({ idle }) => idle
  })
})
