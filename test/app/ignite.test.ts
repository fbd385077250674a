import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Context, Effect, Exit, Layer, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { App, Fairing } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { failuresOf, hello, writer } from "./Writer.ts"

class Count extends Context.Service<Count, number>()("test/app/Count") {}
class Extra extends Context.Service<Extra, string>()("test/app/Extra") {}
class Broken extends Schema.TaggedError<Broken>()("Broken", { part: Schema.String }) {
  override get message(): string {
    return `the ${this.part} is broken: mend it`
  }
}

const text = <E, R>(path: `/${string}`, body: Effect.Effect<string, E, R>) =>
  HttpRouter.add(
    "GET",
    path,
    Effect.map(body, (text) => HttpServerResponse.text(text))
  )

const provide = (name: string, count: number) =>
  Fairing.onIgnite(name, () => Effect.succeed(Context.make(Count, count)))

describe("ignition", () => {
  it.effect("app 6: a hook's services are there for later hooks, routes and every hook of the running app", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const sees = (hook: string) => Effect.flatMap(Count, (count) => on(`${hook} ${count}`))
      const reader = Fairing.make("reader", {
        onIgnite: () => sees("ignite"),
        onLiftoff: () => sees("liftoff"),
        onRequest: () => sees("request"),
        onResponse: () => sees("response"),
        onShutdown: () => sees("shutdown")
      })
      const app = yield* TestApp.make(
        App.make("x")
          .attach(provide("one", 1))
          .attach(reader)
          .mount(text("/", Effect.map(Count, String)))
      )
      TestApp.expect(yield* app.get("/"), { status: 200, text: "1" })
      yield* app.terminate
      assert.deepStrictEqual(entries, ["ignite 1", "liftoff 1", "request 1", "response 1", "shutdown 1"])
    })
  )

  it.effect("app 6: hooks run one after the other: B sees the changes of A, and A not those of B", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const add = (name: string) =>
        Fairing.onIgnite(name, (app) =>
          Effect.gen(function* () {
            yield* on(`${name} begins with ${yield* Count}`)
            yield* Effect.yieldNow
            yield* app.update(Count, (count) => count + 1)
            yield* on(`${name} ends`)
          })
        )
      const app = App.make("x")
        .manage(Layer.succeed(Count, 0))
        .attach(add("A"))
        .attach(add("B"))
        .mount(text("/", Effect.map(Count, String)))
      TestApp.expect(yield* (yield* TestApp.make(app)).get("/"), { text: "2" })
      assert.deepStrictEqual(entries, ["A begins with 0", "A ends", "B begins with 1", "B ends"])
    })
  )

  it.effect("app 6: a hook may manage layers, read configuration, change services and mount routes over them", () =>
    Effect.gen(function* () {
      const all = Fairing.onIgnite("all", (app) =>
        Effect.gen(function* () {
          const managed = yield* app.manage(Layer.succeed(Count, 40))
          const extra = yield* app.configure(Extra, Config.String("EXTRA"))
          yield* app.mount(
            text(
              "/late",
              Effect.map(Effect.all([Extra, Count]), ([extra, count]) => `${extra} ${count}`)
            )
          )
          return Context.add(managed, Extra, `${extra}, provided`)
        }).pipe(Effect.provideContext(Context.make(Extra, "").pipe(Context.add(Count, 0))))
      )
      const later = Fairing.onIgnite("later", (app) => app.update(Count, (count) => count + 2))
      const provider = ConfigProvider.fromUnknown({ EXTRA: "configured" })
      const app = yield* TestApp.make(App.make("x").attach(all).attach(later)).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, provider)
      )
      TestApp.expect(yield* app.get("/late"), { status: 200, text: "configured, provided 42" })
    })
  )

  it.effect("app 6: attached during ignition, fairings go to the end, breadth first, ignite too and are active", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const parent = (name: string, ...children: ReadonlyArray<Fairing.Fairing>) =>
        Fairing.onIgnite(name, (app) =>
          Effect.andThen(
            on(`ignite ${name}`),
            Effect.forEach(children, (child) => app.attach(child), { discard: true })
          )
        )
      const app = yield* TestApp.make(
        App.make("x")
          .attach(parent("A", parent("A1", all("A11")), all("A2")))
          .attach(parent("B", all("B1")))
          .mount(hello)
      )
      const order = ["A", "B", "A1", "A2", "B1", "A11"]
      assert.deepStrictEqual(
        entries.filter((entry) => entry.startsWith("ignite ")),
        order.map((name) => `ignite ${name}`)
      )
      assert.deepStrictEqual(
        app.launched.fairings.map(({ name }) => name),
        order
      )
      entries.splice(0)
      yield* app.get("/")
      assert.deepStrictEqual(entries, [
        "request A2",
        "request B1",
        "request A11",
        "response A2",
        "response B1",
        "response A11"
      ])
    })
  )
})

describe("routes", () => {
  it.effect("app 5: they are listed as they answer, with their prefixes, however they were added", () =>
    Effect.gen(function* () {
      const here = Effect.succeed(HttpServerResponse.text("here"))
      const prefixed = HttpRouter.use((router) =>
        Effect.gen(function* () {
          const api = router.prefixed("/api")
          yield* api.add("GET", "/one", here)
          yield* api.prefixed("/deep").addAll([HttpRouter.route("GET", "/two", here)])
          yield* router.addAll([HttpRouter.route("GET", "/three", here)])
        })
      )
      const several = HttpRouter.addAll([HttpRouter.route("GET", "/four", here)], { prefix: "/more" })
      const ignited = yield* App.ignite(App.make("x").mount(prefixed).mount(several))
      const paths = ignited.routes.map(({ path }) => path)
      assert.deepStrictEqual(paths, ["/api/one", "/api/deep/two", "/three", "/more/four"])
      const app = yield* TestApp.make(ignited)
      for (const path of paths) TestApp.expect(yield* app.get(path), { status: 200, text: "here" })
    })
  )
})

/** A server that says whether it was built, and with it everything that was bound. */
const recording = () => {
  const bound: Array<string> = []
  const layer = Layer.effect(
    HttpServer.HttpServer,
    Effect.sync(() => {
      bound.push("bound")
      return HttpServer.make({
        address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80),
        serve: () => Effect.sync(() => void bound.push("served"))
      })
    })
  )
  return { bound, layer }
}

describe("a failing ignition", () => {
  const failing = (name: string, on: (entry: string) => Effect.Effect<void>) =>
    Fairing.onIgnite(name, () => Effect.andThen(on(name), Effect.fail(new Broken({ part: name }))))

  it.effect("app 7: the other hooks still run, and one error lists every failing fairing with its error", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const error = yield* failuresOf(
        App.make("shop")
          .attach(failing("pump", on))
          .attach(all("A"))
          .manage(Layer.succeed(Extra, ""))
          .manage(Layer.effect(Count, Effect.fail(new Broken({ part: "counter" }))))
          .attach(failing("valve", on))
          .attach(all("B"))
      )
      assert.deepStrictEqual(entries, ["pump", "ignite A", "valve", "ignite B"])
      assert.strictEqual(error.app, "shop")
      assert.deepStrictEqual(
        error.failures.map(({ error, step }) => [step, error instanceof Broken && error.part]),
        [
          ["pump", "pump"],
          ["manage(2)", "counter"],
          ["valve", "valve"]
        ]
      )
      assert.strictEqual(
        error.message,
        [
          'The app "shop" did not ignite: nothing was bound',
          "  pump: Broken: the pump is broken: mend it",
          "  manage(2): Broken: the counter is broken: mend it",
          "  valve: Broken: the valve is broken: mend it"
        ].join("\n")
      )
    })
  )

  it.effect("app 7: nothing is bound, and no liftoff or shutdown hook runs; without the failure it is", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const server = recording()
      const app = App.make("x").attach(all("A")).mount(hello)
      const launched = Layer.build(App.launch(app.attach(failing("pump", on)), server.layer))
      const error = yield* Effect.flip(Effect.scoped(launched))
      assert.strictEqual(error._tag, "IgniteError")
      assert.deepStrictEqual(server.bound, [])
      assert.deepStrictEqual(entries.splice(0), ["ignite A", "pump"])
      yield* Effect.scoped(Layer.build(App.launch(app, server.layer)))
      assert.deepStrictEqual(server.bound, ["bound", "served"])
      assert.deepStrictEqual(entries, ["ignite A", "liftoff A", "shutdown A"])
    })
  )

  it.effect("app 7: later hooks see the changes of a failing hook, and fairings that it attached ignite", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const changing = Fairing.onIgnite("changing", (app) =>
        Effect.gen(function* () {
          yield* app.update(Count, () => 7)
          yield* app.attach(all("attached"))
          return yield* new Broken({ part: "rest" })
        })
      )
      const error = yield* failuresOf(
        App.make("x")
          .manage(Layer.succeed(Count, 1))
          .attach(changing)
          .attach(Fairing.onIgnite("later", () => Effect.flatMap(Count, (count) => on(`later ${count}`))))
      )
      assert.deepStrictEqual(entries, ["later 7", "ignite attached"])
      assert.deepStrictEqual(
        error.failures.map(({ step }) => step),
        ["changing"]
      )
    })
  )

  it.effect("app 7: a hook that dies is listed with its defect, whether it throws or its Effect dies", () =>
    Effect.gen(function* () {
      const error = yield* failuresOf(
        App.make("x")
          .attach(
            Fairing.onIgnite("throws", (): Effect.Effect<void> => {
              throw new Error("thrown in the hook")
            })
          )
          .attach(Fairing.onIgnite("dies", () => Effect.die("a plain string")))
      )
      assert.deepStrictEqual(
        error.failures.map(({ error, step }) => [step, error._tag]),
        [
          ["throws", "IgniteDefect"],
          ["dies", "IgniteDefect"]
        ]
      )
      assert.include(error.message, "throws: Error: thrown in the hook")
      assert.include(error.message, "dies: Error: a plain string")
    })
  )

  it.effect("app 7: a step that misses what a failed one would have provided is not listed again", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const error = yield* failuresOf(
        App.make("x")
          .manage(Layer.effect(Count, Effect.as(Effect.fail(new Broken({ part: "counter" })), 0)))
          .attach(Fairing.onIgnite("needs", () => Effect.flatMap(Count, (count) => on(`count ${count}`))))
          .manage(Layer.effect(Extra, Effect.map(Count, String)))
          .attach(Fairing.onIgnite("needs nothing", () => on("ran")))
          .attach(Fairing.onIgnite("own", () => Effect.fail(new Broken({ part: "own" }))))
          .mount(Layer.unwrap(Effect.as(Count, hello)))
      )
      assert.deepStrictEqual(entries, ["ran"])
      assert.deepStrictEqual(
        error.failures.map(({ step }) => step),
        ["manage(test/app/Count)", "own"]
      )
    })
  )

  it.effect("app 7: a service without a provider is listed, with the step that misses it", () =>
    Effect.gen(function* () {
      const missing = App.make("x").attach(Fairing.onIgnite("needs", () => Effect.asVoid(Count)))
      const error = yield* failuresOf(missing as unknown as App.App<never, never, never>)
      assert.strictEqual(error.failures[0]?.step, "needs")
      assert.include(error.message, "test/app/Count")
    })
  )

  it.effect("app 7: routes that cannot be built are listed too", () =>
    Effect.gen(function* () {
      const routes = Layer.unwrap(Effect.as(Effect.fail(new Broken({ part: "router" })), hello))
      const error = yield* failuresOf(App.make("x").mount(routes))
      assert.deepStrictEqual(
        error.failures.map(({ error, step }) => [step, error._tag]),
        [["routes", "Broken"]]
      )
    })
  )

  it.effect("app 7: an interruption is no failure of a step: it ends the ignition", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const app = App.make("x")
        .attach(Fairing.onIgnite("stops", () => Effect.interrupt))
        .attach(Fairing.onIgnite("later", () => on("later")))
      const exit = yield* Effect.exit(Effect.scoped(App.ignite(app)))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.deepStrictEqual(entries, [])
    })
  )
})
