import { NodeHttpServerRequest } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { HttpServer } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { Red } from "./Journal.ts"
import { keepLogs } from "./Logs.ts"
import { received, serving } from "./Socket.ts"

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** What a request did, up to its end. */
const watched = Effect.gen(function* () {
  const entries: Array<string> = []
  const reached = yield* Deferred.make<void>()
  const released = yield* Deferred.make<void>()
  const goOn = yield* Deferred.make<void>()
  const hold = Middleware.before(
    "hold",
    Effect.acquireRelease(Effect.void, () =>
      Effect.andThen(
        Effect.sync(() => entries.push("released")),
        Deferred.succeed(released, undefined)
      )
    )
  )
  const ensure = (exit: Exit.Exit<Response, unknown>) =>
    Effect.sync(() =>
      entries.push(Exit.isSuccess(exit) ? "success" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failure")
    )
  /** Says that it was reached, then waits. */
  const wait = Effect.andThen(
    Deferred.succeed(reached, undefined),
    Effect.onInterrupt(Deferred.await(goOn), () => Effect.sync(() => entries.push("stopped")))
  )
  return { entries, reached, released, goOn, hold, ensure, wait }
})

type Watched = Effect.Success<typeof watched>

const text = HttpServerResponse.text("answer")

/** The pipelines that wait in one place each. */
const waiting: Readonly<Record<string, (at: Watched) => Layer.Layer<never, never, HttpServer.HttpServer>>> = {
  before: ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p").before(hold).before(Middleware.before("B", wait)).handle(text).onExit("E", ensure)
    ),
  recover: ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p")
        .before(hold)
        .before(Middleware.before("B", () => Exit.fail(new Red({ by: "B" }))))
        .recover("Red", () => wait)
        .handle(text)
        .onExit("E", ensure)
    ),
  handler: ({ ensure, hold, wait }) =>
    Pipeline.serve(Pipeline.make("p").before(hold).handle(Effect.as(wait, text)).onExit("E", ensure)),
  around: ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p")
        .before(hold)
        .handle(text, (app) => Effect.tap(app, () => wait))
        .onExit("E", ensure)
    ),
  after: ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p")
        .before(hold)
        .handle(text)
        .after(Middleware.after("A", (response) => Effect.as(wait, response)))
        .onExit("E", ensure)
    ),
  "a catch": ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p")
        .before(hold)
        .handle(() => Exit.fail(new Red({ by: "H" })))
        .catchTag("Red", () => Effect.as(wait, text))
        .onExit("E", ensure)
    ),
  "an outer": ({ ensure, hold, wait }) =>
    Pipeline.serve(
      Pipeline.make("p")
        .outer(Middleware.outer("O", (app) => Effect.tap(app, () => wait)))
        .before(hold)
        .handle(text)
        .onExit("E", (exit) => (Exit.isSuccess(exit) ? Effect.void : ensure(exit)))
        .outer(Middleware.outer("O2", (app) => app))
    ),
  "an ordinary route": ({ ensure, hold, wait }) =>
    Layer.unwrap(
      Effect.map(Pipeline.routes(HttpRouter.add("GET", "/", Effect.as(wait, text))), (handler) =>
        Pipeline.serve(Pipeline.make("p").before(hold).handle(handler).respond().onExit("E", ensure))
      )
    )
}

describe("a client's abort", () => {
  it.live.each(Object.entries(waiting))("server 2: it interrupts %s, and each finalizer runs once", ([kind, app]) =>
    Effect.gen(function* () {
      const at = yield* watched
      const { send } = yield* serving(app(at))
      const socket = yield* send(get("/"))
      yield* Deferred.await(at.reached)
      socket.destroy()
      yield* Deferred.await(at.released)
      const ended = kind === "an outer" ? [] : ["interrupted"]
      assert.deepStrictEqual(at.entries, ["stopped", ...ended, "released"])
    })
  )

  it.live("server 2: a route declared uninterruptible survives it; after it the work ends where it next waits", () =>
    Effect.gen(function* () {
      const at = yield* watched
      const closed = yield* Deferred.make<void>()
      const routes = HttpRouter.add(
        "GET",
        "/",
        (request) =>
          Effect.gen(function* () {
            const response = NodeHttpServerRequest.toServerResponse(request)
            response.once("close", () => Deferred.doneUnsafe(closed, Exit.void))
            yield* at.wait
            at.entries.push("done")
            return text
          }),
        { uninterruptible: true }
      )
      const app = Effect.map(Pipeline.routes(routes), (handler) =>
        Pipeline.serve(
          Pipeline.make("p")
            .before(at.hold)
            .handle(handler)
            .respond()
            .after(
              Middleware.after("A1", (response) =>
                Effect.sync(() => {
                  at.entries.push("A1 begins")
                  return response
                }).pipe(
                  Effect.tap(Effect.yieldNow),
                  Effect.tap(() => Effect.sync(() => at.entries.push("A1 ends")))
                )
              )
            )
            .onExit("E", at.ensure)
        )
      )
      const { send } = yield* serving(Layer.unwrap(app))
      const socket = yield* send(get("/"))
      yield* Deferred.await(at.reached)
      socket.destroy()
      yield* Deferred.await(closed)
      yield* Deferred.succeed(at.goOn, undefined)
      yield* Deferred.await(at.released)
      assert.deepStrictEqual(at.entries, ["done", "A1 begins", "interrupted", "released"])
    })
  )

  it.live("server 2: nothing is logged for it, and the server goes on", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const at = yield* watched
      const app = Pipeline.make("p")
        .before(at.hold)
        .handle((request) => (request.url === "/wait" ? Effect.as(at.wait, text) : text))
        .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
      const { call, send } = yield* serving(Pipeline.serve(app))
      const socket = yield* send(get("/wait"))
      yield* Deferred.await(at.reached)
      socket.destroy()
      yield* Deferred.await(at.released)
      assert.strictEqual((yield* call("/")).text, "answer")
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })

  it.live("server 2: an answer on its way is not interrupted", () =>
    Effect.gen(function* () {
      const at = yield* watched
      const { send } = yield* serving(
        Pipeline.serve(Pipeline.make("p").before(at.hold).handle(Effect.as(at.wait, text)).onExit("E", at.ensure))
      )
      const socket = yield* send(get("/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
      yield* Deferred.await(at.reached)
      yield* Deferred.succeed(at.goOn, undefined)
      assert.match(yield* received(socket), /^HTTP\/1\.1 200 OK[^]*answer$/)
      yield* Deferred.await(at.released)
      assert.deepStrictEqual(at.entries, ["success", "released"])
    })
  )
})
