import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { Middleware, Pipeline } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

import { hello, writer } from "./Writer.ts"

class Store extends Context.Service<Store, string>()("test/app/testing/Store") {}
class Greeter extends Fairing.Service<Greeter>()("test/app/testing/Greeter", { provides: Store }) {}

const read = HttpRouter.add(
  "GET",
  "/",
  Effect.map(Store, (text) => HttpServerResponse.text(text))
)

const get = <E, R>(handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  HttpRouter.add("GET", "/", handler)

/** The words of the defect that a request ends with. */
const deathOf = <A, E>(exit: Exit.Exit<A, E>): string =>
  Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => Cause.isDieReason(reason) && reason.defect).join() : "none"

describe("launching without a socket", () => {
  it.effect("app 18: the app has ignited and lifted off before the first request, which goes through its hooks", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const pipeline = Pipeline.make("inner")
        .before(Middleware.before("check", () => {}))
        .handle(HttpServerResponse.text("from the pipeline"))
      const app = yield* TestApp.make(App.make("shop").attach(all("A")).serve(pipeline))
      assert.deepStrictEqual(entries.splice(0), ["ignite A", "liftoff A"])
      assert.strictEqual(app.launched.app, "shop")
      const reply = yield* app.post("/", { json: { a: 1 } })
      assert.deepStrictEqual(entries, ["request A", "response A"])
      TestApp.expect(reply, { status: 200, text: "from the pipeline", ran: ["A", "check", "A"] })
      assert.deepStrictEqual(TestApp.journalLines(reply.journal), [
        "request A: success",
        "before check: success",
        "handle handler: success",
        "response A: success"
      ])
    })
  )

  it.effect("app 18: expect lists what differs, and the journal", () =>
    Effect.gen(function* () {
      const { all } = writer()
      const app = yield* TestApp.make(App.make("x").attach(all("A")).mount(hello))
      const reply = yield* app.get("/")
      assert.throws(
        () => TestApp.expect(reply, { status: 404, skipped: ["A"] }),
        /status: expected 404, got 200[^]*request A: success/
      )
    })
  )

  it.effect("app 18: its services come from a layer, or from the context; override replaces a managed layer", () =>
    Effect.gen(function* () {
      const live = Layer.succeed(Store, "live")
      const saying = (text: string) =>
        Greeter.layer(Fairing.onIgnite(text, () => Effect.succeed(Context.make(Store, text))))
      const managed = App.make("x").manage(live).mount(read)
      const tagged = App.make("x").attach(Greeter).mount(read)
      const replies = [
        yield* (yield* TestApp.make(managed)).get("/"),
        yield* (yield* TestApp.make(managed.override(live, Layer.succeed(Store, "fake")))).get("/"),
        yield* (yield* TestApp.make(tagged, saying("layer"))).get("/"),
        yield* (yield* Effect.provide(TestApp.make(tagged), saying("context"))).get("/")
      ]
      assert.deepStrictEqual(
        replies.map(({ text }) => text),
        ["live", "fake", "layer", "context"]
      )
    })
  )

  it.effect("app 18: a request sees the services of the app, and nothing of its sender", () =>
    Effect.gen(function* () {
      const Place = Context.Reference<string>("test/app/testing/Place", { defaultValue: () => "nowhere" })
      const where = get(Effect.map(Place, (place) => HttpServerResponse.text(place)))
      const app = yield* Effect.provideService(TestApp.make(App.make("x").mount(where)), Place, "app")
      TestApp.expect(yield* Effect.provideService(app.get("/"), Place, "sender"), { text: "app" })
    })
  )

  it.effect("app 18: a liftoff hook that dies fails the launch, and the shutdown hooks run", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const dies = Fairing.onLiftoff("dies", () => Effect.die("no lift"))
      const exit = yield* Effect.exit(TestApp.make(App.make("x").attach(all("A")).attach(dies).mount(hello)))
      assert.include(deathOf(exit), "no lift")
      assert.deepStrictEqual(entries, ["ignite A", "liftoff A", "shutdown A"])
    })
  )

  it.effect("app 18: a body in many chunks is read to its end", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode("zwölf Boxkämpfer")
      const chunks = Stream.map(Stream.fromIterable(bytes), (byte) => Uint8Array.of(byte))
      const app = yield* TestApp.make(App.make("x").mount(get(Effect.succeed(HttpServerResponse.stream(chunks)))))
      TestApp.expect(yield* app.get("/"), { status: 200, text: "zwölf Boxkämpfer" })
    })
  )
})

describe("terminate", () => {
  it.effect("app 18: the shutdown hooks run once, however often and from wherever it is stopped", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const app = yield* TestApp.make(App.make("x").attach(all("A")).mount(hello))
      entries.splice(0)
      yield* Effect.all([app.terminate, app.terminate, app.launched.shutdown.notify], { concurrency: 3 })
      yield* app.terminate
      yield* app.launched.stopped
      assert.deepStrictEqual(entries, ["shutdown A"])
    })
  )

  it.effect("app 18: it ends when a handler stops the app, and that request is answered", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const stop = get(
        Effect.gen(function* () {
          yield* (yield* Shutdown.Shutdown).notify
          return HttpServerResponse.text("stopping")
        })
      )
      const app = yield* TestApp.make(
        App.make("x")
          .attach(Fairing.onShutdown("bye", () => on("shutdown")))
          .mount(stop)
      )
      TestApp.expect(yield* app.get("/"), { status: 200, text: "stopping" })
      yield* app.launched.stopped
      assert.deepStrictEqual(entries, ["shutdown"])
    })
  )

  it.effect("app 18: dropped without it, no shutdown hook runs, and the app's resources are released", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const begun = yield* Deferred.make<void>()
      const waits = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const scope = yield* Scope.make()
      const resource = Fairing.onIgnite("resource", () => Effect.acquireRelease(Effect.void, () => on("release")))
      const app = yield* Scope.provide(
        TestApp.make(
          App.make("x")
            .attach(resource)
            .attach(all("A"))
            .mount(get(Effect.onInterrupt(waits, () => on("interrupted"))))
        ),
        scope
      )
      const request = yield* Effect.forkChild(app.get("/"))
      yield* Deferred.await(begun)
      entries.splice(0)
      yield* Scope.close(scope, Exit.void)
      assert.include(deathOf(yield* Fiber.await(request)), "closed the connection before the end of GET /")
      assert.deepStrictEqual(
        entries.filter((entry) => entry !== "response A"),
        ["interrupted", "release"]
      )
      assert.include(deathOf(yield* Effect.exit(app.get("/"))), "is not serving")
    })
  )

  it.effect("app 18: it waits for a request in flight, and after it every request is refused in words", () =>
    Effect.gen(function* () {
      const [begun, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow = get(
        Effect.gen(function* () {
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(go)
          return HttpServerResponse.text("slow")
        })
      )
      const app = yield* TestApp.make(App.make("x").mount(slow), undefined, { grace: "1 hour" })
      const request = yield* Effect.forkChild(app.get("/"))
      yield* Deferred.await(begun)
      const terminated = yield* Effect.forkChild(app.terminate)
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(terminated.pollUnsafe())
      yield* Deferred.succeed(go, undefined)
      TestApp.expect(yield* Fiber.join(request), { status: 200, text: "slow" })
      yield* Fiber.join(terminated)
      const refused = deathOf(yield* Effect.exit(app.get("/late")))
      assert.include(refused, 'The app "x" is not serving: GET /late was refused')
    })
  )

  it.effect("app 18: it serves on for the readiness delay, by the test's clock", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("x").mount(hello), undefined, { readinessDelay: "10 seconds" })
      const terminated = yield* Effect.forkChild(app.terminate)
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(yield* app.launched.shutdown.notified)
      TestApp.expect(yield* app.get("/"), { status: 200 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(terminated)
    })
  )

  it.effect(
    "app 18: an uninterruptible handler is abandoned after grace and mercy, and its client gets an answer",
    () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const stubborn = Effect.uninterruptible(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        const app = yield* TestApp.make(App.make("x").mount(get(stubborn)), undefined, {
          grace: "2 seconds",
          mercy: "3 seconds"
        })
        const request = yield* Effect.forkChild(app.get("/"))
        yield* Deferred.await(begun)
        const terminated = yield* Effect.forkChild(app.terminate)
        yield* TestClock.adjust("4999 millis")
        assert.isUndefined(terminated.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(terminated)
        assert.include(deathOf(yield* Fiber.await(request)), "closed the connection before the end of GET /")
      })
  )

  it.effect("app 18: a stream that observes Shutdown ends whole, and one that ignores it is cut off after grace", () =>
    Effect.gen(function* () {
      const streaming = (path: `/${string}`, begun: Deferred.Deferred<void>, ends: Effect.Effect<void>) => {
        const first = Effect.as(Deferred.succeed(begun, undefined), new TextEncoder().encode("begun"))
        const endless = Stream.concat(Stream.fromEffect(first), Stream.never)
        return HttpRouter.add("GET", path, HttpServerResponse.stream(Stream.interruptWhen(endless, ends)))
      }
      const [one, two] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const told = Effect.flatMap(Shutdown.Shutdown, (shutdown) => shutdown.await)
      const routes = Layer.merge(streaming("/observes", one, told), streaming("/ignores", two, Effect.never))
      const app = yield* TestApp.make(App.make("x").mount(routes), undefined, { grace: "5 seconds" })
      const observes = yield* Effect.forkChild(app.get("/observes"))
      const ignores = yield* Effect.forkChild(app.get("/ignores"))
      yield* Effect.all([Deferred.await(one), Deferred.await(two)])
      const terminated = yield* Effect.forkChild(app.terminate)
      TestApp.expect(yield* Fiber.join(observes), { status: 200, text: "begun" })
      assert.isUndefined(ignores.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(terminated)
      assert.include(deathOf(yield* Fiber.await(ignores)), "closed the connection before the end of GET /ignores")
    })
  )

  it.effect("app 18: a client that goes away while it reads closes the scope of its request", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const begun = yield* Deferred.make<void>()
      const endless = get(
        Effect.gen(function* () {
          yield* Effect.addFinalizer(() => on("closed"))
          const first = Effect.as(Deferred.succeed(begun, undefined), Uint8Array.of(65))
          return HttpServerResponse.stream(Stream.concat(Stream.fromEffect(first), Stream.never))
        })
      )
      const app = yield* TestApp.make(App.make("x").mount(endless))
      const request = yield* Effect.forkChild(app.get("/"))
      yield* Deferred.await(begun)
      assert.deepStrictEqual(entries, [])
      yield* Fiber.interrupt(request)
      assert.deepStrictEqual(entries, ["closed"])
      yield* app.terminate
    })
  )

  it.effect("app 18: stopped while it ignites, the app is not launched and serves nothing", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const stops = Fairing.onIgnite("stops", () => Effect.flatMap(Shutdown.Shutdown, ({ notify }) => notify))
      const app = yield* TestApp.make(App.make("x").attach(stops).attach(all("A")).mount(hello))
      assert.isUndefined(app.launched.address)
      assert.include(deathOf(yield* Effect.exit(app.get("/"))), "is not serving")
      yield* app.terminate
      assert.deepStrictEqual(entries, ["ignite A"])
    })
  )
})
