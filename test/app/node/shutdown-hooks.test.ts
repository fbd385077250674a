import { createServer } from "node:http"

import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { logsOf } from "../../server/Logs.ts"
import { hello } from "../Writer.ts"
import { call, connecting, head, raw, word } from "./Clients.ts"
import { brief, launch, patient, portOf, soon, tooLong } from "./Served.ts"

const told = Effect.flatMap(Shutdown.Shutdown, ({ notify }) => notify)

describe.concurrent("an application is stopped", () => {
  it.live("app 15: Shutdown.notify from a handler does, and the handler's own answer is whole", () =>
    Effect.gen(function* () {
      const stopping = HttpRouter.add("POST", "/stop", Effect.as(told, HttpServerResponse.text("bye")))
      const { launched, port } = yield* launch(App.make("told").mount(stopping), patient)
      assert.isFalse(yield* launched.shutdown.notified)
      const { status, text: said } = yield* call(port, "/stop", { method: "POST" })
      assert.deepStrictEqual([status, said], [200, "bye"])
      yield* launched.stopped
      assert.isTrue(yield* launched.shutdown.notified)
      assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
    })
  )

  it.live("app 15: by closing the scope, which notifies Shutdown", () =>
    Effect.gen(function* () {
      const { launched, port, stop } = yield* launch(App.make("closed").mount(hello))
      yield* stop
      assert.isTrue(yield* launched.shutdown.notified)
      yield* launched.stopped
      assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
    })
  )

  it.live("app 15: notified twice, and closed as well, it is one shutdown", () =>
    Effect.gen(function* () {
      let hooks = 0
      const counting = Fairing.onShutdown("counting", () =>
        Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => ++hooks)
        ).pipe(Effect.asVoid)
      )
      const { launched, stop } = yield* launch(App.make("twice").attach(counting).mount(hello), patient)
      yield* Effect.all(
        [launched.shutdown.notify, launched.shutdown.notify, launched.stopped, stop, launched.stopped],
        {
          concurrency: "unbounded"
        }
      )
      yield* launched.shutdown.notify
      yield* launched.stopped
      assert.strictEqual(hooks, 1)
    })
  )

  it.live("app 15: notified before the launch, it is not bound, and the launch returns at once", () =>
    Effect.gen(function* () {
      let lifted = false
      const app = App.make("early")
        .attach(Fairing.onIgnite("early", () => told))
        .attach(Fairing.onLiftoff("lift", () => Effect.sync(() => void (lifted = true))))
      const ignited = yield* App.ignite(app)
      const context = yield* Layer.build(NodeApp.launch(ignited, { port: 0 }))
      const { address, stopped } = Context.get(context, App.Launched)
      yield* stopped
      assert.isUndefined(address)
      assert.isFalse(lifted)
    })
  )

  it.live("app 16: during readinessDelay it still serves, and knows that it is not ready", () =>
    Effect.gen(function* () {
      const ready = Effect.map(
        Effect.flatMap(Shutdown.Shutdown, ({ notified }) => notified),
        (told) => HttpServerResponse.text(told ? "no" : "yes", { status: told ? 503 : 200 })
      )
      const app = App.make("delayed").mount(Layer.mergeAll(hello, HttpRouter.add("GET", "/ready", ready)))
      const { launched, port } = yield* launch(app, { ...brief, readinessDelay: 1000 })
      const kept = yield* raw(port, head("GET /ready"))
      assert.match(yield* kept.until(/yes$/), /^HTTP\/1.1 200 /)
      yield* launched.shutdown.notify
      const stopped = yield* Effect.forkScoped(Effect.timed(launched.stopped))
      const { headers, status } = yield* call(port, "/ready")
      assert.deepStrictEqual([status, headers.get("connection")], [503, "close"])
      yield* kept.write(head("GET /"))
      assert.match(yield* kept.closed, /Connection: close\r\n.*hello$/s)
      const [took] = yield* Fiber.join(stopped)
      assert.isAtLeast(Duration.toMillis(took), 900)
    })
  )
})

describe.concurrent("shutdown hooks", () => {
  it.live("app 16: they run concurrently, while requests in flight end", () =>
    Effect.gen(function* () {
      const [began, first, second] = [word(), word(), word()]
      const app = App.make("concurrent")
        .attach(Fairing.onShutdown("first", () => Effect.asVoid(Effect.andThen(first.say, second.heard))))
        .attach(Fairing.onShutdown("second", () => Effect.asVoid(Effect.andThen(second.say, first.heard))))
        .mount(
          HttpRouter.add(
            "GET",
            "/",
            Effect.as(Effect.all([began.say, first.heard, second.heard]), HttpServerResponse.text("done"))
          )
        )
      const { port, stop } = yield* launch(app, patient)
      const answer = yield* Effect.forkScoped(call(port, "/"))
      yield* began.heard
      assert.isBelow(yield* stop, soon)
      assert.strictEqual((yield* Fiber.join(answer)).text, "done")
    })
  )

  it.live(
    "app 16: they do not extend grace and mercy; those that outlive them are reported by name, and interrupted",
    () =>
      Effect.gen(function* () {
        const interrupted = word()
        const endless = Effect.onInterrupt(Effect.never, () => interrupted.say)
        const app = App.make("outlived")
          .attach(Fairing.onShutdown("quick", () => Effect.void))
          .attach(Fairing.onShutdown("endless", () => endless))
          .attach(Fairing.onShutdown("stubborn", () => Effect.uninterruptible(Effect.sleep(tooLong))))
          .mount(hello)
        const [took, lines] = yield* logsOf(Effect.flatMap(launch(app), ({ stop }) => stop))
        assert.isAtLeast(took, 0.59)
        assert.isBelow(took, soon)
        yield* interrupted.heard
        const warnings = lines.filter(({ level }) => level === "Warn").map(({ message }) => message)
        assert.deepStrictEqual(warnings, [
          'Cut by the stop of "outlived": the shutdown hook of fairing "endless", which outlived grace and mercy',
          'Cut by the stop of "outlived": the shutdown hook of fairing "stubborn", which outlived grace and mercy'
        ])
      })
  )

  it.live("app 16: one that dies is reported by name, and the others run all the same", () =>
    Effect.gen(function* () {
      let ended = false
      const app = App.make("dying")
        .attach(Fairing.onShutdown("dies", () => Effect.die(new Error("no"))))
        .attach(
          Fairing.onShutdown("throws", () => {
            throw new Error("no")
          })
        )
        .attach(Fairing.onShutdown("ends", () => Effect.sync(() => void (ended = true))))
        .mount(hello)
      const [took, lines] = yield* logsOf(Effect.flatMap(launch(app, patient), ({ stop }) => stop))
      assert.isBelow(took, soon)
      assert.isTrue(ended)
      assert.sameMembers(
        lines.filter(({ level }) => level === "Error").map(({ message }) => message),
        ['Fairing "dies" died at shutdown', 'Fairing "throws" died at shutdown']
      )
    })
  )

  it.live("app 16: a request that comes while they run, on a connection that was open, is answered", () =>
    Effect.gen(function* () {
      const [hook, refused] = [word(), word()]
      const app = App.make("late")
        .attach(Fairing.onShutdown("late", () => Effect.asVoid(Effect.andThen(refused.say, hook.heard))))
        .mount(
          HttpRouter.add(
            "GET",
            "/",
            Effect.as(Effect.andThen(hook.say, Effect.sleep(50)), HttpServerResponse.text("late"))
          )
        )
      const { port, stop } = yield* launch(app, patient)
      const client = yield* raw(port, "GET / HTTP/1.1\r\nHost: te")
      const first = yield* raw(port, head("GET /nowhere"))
      yield* first.until(/404/)
      const stopped = yield* Effect.forkScoped(stop)
      yield* refused.heard
      yield* client.write("st\r\n\r\n")
      assert.match(yield* client.closed, /^HTTP\/1.1 200 .*Connection: close.*late$/s)
      assert.isBelow(yield* Fiber.join(stopped), soon)
    })
  )

  it.live("app 16: a request's resources are released, answered or hung up, before those of the application", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const began = word()
      const slowly = (name: string) =>
        Effect.addFinalizer(() =>
          Effect.delay(
            Effect.sync(() => journal.push(name)),
            100
          )
        )
      const managed = Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(() => journal.push("managed"))))
      const app = App.make("releasing")
        .manage(managed)
        .mount(
          Layer.mergeAll(
            HttpRouter.add("GET", "/answered", Effect.as(slowly("answered"), HttpServerResponse.text("hello"))),
            HttpRouter.add(
              "GET",
              "/hung-up",
              Effect.andThen(slowly("hung up"), Effect.andThen(began.say, Effect.never))
            )
          )
        )
      const { port, stop } = yield* launch(app, patient)
      const client = yield* raw(port, head("GET /hung-up"))
      yield* began.heard
      client.socket.destroy()
      yield* call(port, "/answered")
      assert.isBelow(yield* stop, soon)
      assert.deepStrictEqual(journal.toSorted(), ["answered", "hung up", "managed"])
      assert.strictEqual(journal.at(-1), "managed")
    })
  )

  it.live("app 12: response hooks see the 503 of a request that was interrupted", () =>
    Effect.gen(function* () {
      const began = word()
      const seen = yield* Deferred.make<number>()
      const app = App.make("seeing")
        .attach(Fairing.onResponse("seeing", ({ status }) => Effect.asVoid(Deferred.succeed(seen, status))))
        .mount(HttpRouter.add("GET", "/", Effect.andThen(began.say, Effect.never)))
      const { port, stop } = yield* launch(app)
      const client = yield* raw(port, head("GET /"))
      yield* began.heard
      yield* stop
      assert.strictEqual(yield* Deferred.await(seen), 503)
      assert.match(yield* client.closed, /^HTTP\/1.1 503 /)
    })
  )
})

describe("App.launch on a server that it does not know", () => {
  it.live("app 17: a streamed body is sent to its end within grace of the shutdown", () =>
    Effect.gen(function* () {
      const began = word()
      const rest = Effect.as(Effect.all([began.say, Effect.sleep(200)]), "second")
      const body = Stream.encodeText(Stream.concat(Stream.make("first,"), Stream.fromEffect(rest)))
      const options = { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }
      const scope = yield* Scope.make()
      const layer = App.launch(
        App.make("streaming").mount(HttpRouter.add("GET", "/", HttpServerResponse.stream(body))),
        NodeHttpServer.layerServer(() => createServer(), options),
        patient
      )
      const { address } = Context.get(yield* Layer.buildWithScope(layer, scope), App.Launched)
      const client = yield* raw(portOf(address), head("GET /", "Connection: close"))
      yield* began.heard
      yield* Scope.close(scope, Exit.void)
      assert.match(yield* client.closed, /first,.*second\r\n0\r\n\r\n$/s)
    })
  )
})

describe("HEAD on a socket", () => {
  it.live("app 14: hooks see HEAD and the full body of the GET route; the client gets none, with its length", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const app = App.make("heads")
        .attach(
          Fairing.make("seeing", {
            onRequest: ({ method }) => void seen.push(method),
            onResponse: ({ body }, { method }) => {
              seen.push(`${method} ${body._tag} ${body._tag === "Uint8Array" ? body.contentLength : 0}`)
            }
          })
        )
        .mount(
          HttpRouter.add(
            "GET",
            "/",
            Effect.map(HttpServerRequest.HttpServerRequest, ({ method }) => HttpServerResponse.text(`for ${method}`))
          )
        )
      const { port } = yield* launch(app)
      const client = yield* raw(port, head("HEAD /", "Connection: close"))
      const answer = yield* client.closed
      assert.match(answer, /^HTTP\/1.1 200 .*content-length: 8\r\n/is)
      assert.match(answer, /\r\n\r\n$/)
      assert.deepStrictEqual(seen, ["HEAD", "HEAD Uint8Array 8"])
    })
  )
})
