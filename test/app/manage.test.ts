import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Deferred, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, AppConfig, Fairing } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { failuresOf, hello, writer } from "./Writer.ts"

class Store extends Context.Service<Store, string>()("test/app/Store") {}
class Index extends Context.Service<Index, string>()("test/app/Index") {}
class Settings extends Context.Service<Settings, { readonly port: number; readonly url: string }>()(
  "test/app/Settings"
) {}
class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

const shape = Schema.Struct({ port: Schema.Int, url: Schema.NonEmptyString })
const settings = AppConfig.schema(shape, "shop")

const reading = (input: unknown) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(input))

const show = HttpRouter.add(
  "GET",
  "/",
  Effect.map(Settings, ({ port, url }) => HttpServerResponse.text(`${port} ${url}`))
)

describe("configure", () => {
  it.effect("app 8: configuration is read at ignition and provided to later steps", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("x").configure(Settings, settings).mount(show)).pipe(
        reading({ shop: { port: 80, url: "here" } })
      )
      TestApp.expect(yield* app.get("/"), { status: 200, text: "80 here" })
    })
  )

  it.effect("app 8: bad configuration is a ConfigError that says every path and reason at once", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const app = App.make("x")
        .configure(Settings, settings)
        .configure(Store, Config.NonEmptyString("STORE"))
        .attach(Fairing.onIgnite("other", () => on("other")))
      const error = yield* failuresOf(app).pipe(reading({ shop: { port: "eighty", url: "" }, STORE: "" }))
      assert.deepStrictEqual(
        error.failures.map(({ error, step }) => [step, error._tag]),
        [
          ["configure(test/app/Settings)", "ConfigError"],
          ["configure(test/app/Store)", "ConfigError"]
        ]
      )
      assert.match(error.message, /finite number\s+at \["shop"\]\["port"\]/)
      assert.match(error.message, /shop\.url is not set\s+at \["shop"\]\["url"\]/)
      assert.match(error.message, /STORE is not set\s+at \["STORE"\]/)
      assert.deepStrictEqual(entries, ["other"])
    })
  )

  it.effect("app 8: missing configuration fails with its path, and nothing is bound", () =>
    Effect.gen(function* () {
      const app = App.make("x").configure(Settings, settings).mount(show)
      const error = yield* Effect.flip(TestApp.make(app)).pipe(reading({}))
      assert.strictEqual(error.failures[0]?.error._tag, "ConfigError")
      assert.include(error.message, `["shop"]`)
      assert.notInclude(error.message, "Service not found")
    })
  )
})

describe("manage", () => {
  it.effect("app 8: the same service managed, configured or managed by a hook twice is a failure that names both", () =>
    Effect.gen(function* () {
      const store = Layer.succeed(Store, "one")
      const hook = Fairing.onIgnite("hook", (app) => Effect.asVoid(app.manage(Layer.succeed(Store, "two"))))
      const twice = [
        {
          app: App.make("x").manage(store).manage(Layer.succeed(Store, "two")),
          first: "manage(test/app/Store)",
          step: "manage(2)"
        },
        { app: App.make("x").manage(store).attach(hook), first: "manage(test/app/Store)", step: "hook" },
        {
          app: App.make("x").manage(store).configure(Store, Config.succeed("two")),
          first: "manage(test/app/Store)",
          step: "configure(test/app/Store)"
        },
        {
          app: App.make("x").configure(Store, Config.succeed("one")).manage(store),
          first: "configure(test/app/Store)",
          step: "manage(1)"
        }
      ]
      for (const { app, first, step } of twice) {
        const { failures, message } = yield* failuresOf(app as App.App<Store, never, never>)
        assert.deepStrictEqual(
          failures.map(({ error, step }) => [step, error._tag]),
          [[step, "DuplicateService"]]
        )
        assert.include(message, `test/app/Store is provided by ${first} already, and again by `)
      }
    })
  )

  it.effect("app 8: managed layers and routes that share a layer share what it builds, in one launch", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const pool = Layer.effect(Settings, Effect.as(on("built"), { port: 0, url: "" }))
      const using = <I>(key: Context.Key<I, string>) =>
        Layer.provide(
          Layer.effect(
            key,
            Effect.map(Settings, ({ url }) => url)
          ),
          pool
        )
      const app = App.make("x")
        .manage(using(Store))
        .attach(Fairing.onIgnite("hook", (app) => Effect.asVoid(app.manage(using(Index)))))
        .mount(Layer.provide(Layer.unwrap(Effect.as(Settings, hello)), pool))
      yield* TestApp.make(app)
      assert.deepStrictEqual(entries, ["built"])
      yield* TestApp.make(app)
      assert.deepStrictEqual(entries, ["built", "built"])
    })
  )

  it.effect("app 8: override builds the replacement in place of the managed layer, which is not built", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const layer = (text: string) => Layer.effect(Store, Effect.as(on(text), text))
      const live = layer("live")
      const read = HttpRouter.add(
        "GET",
        "/",
        Effect.map(Store, (text) => HttpServerResponse.text(text))
      )
      const app = App.make("x").manage(live).mount(read)
      const replaced = yield* TestApp.make(app.override(live, layer("fake")))
      TestApp.expect(yield* replaced.get("/"), { status: 200, text: "fake" })
      assert.deepStrictEqual(entries, ["fake"])
      const again = yield* TestApp.make(app.override(live, layer("first")).override(live, layer("last")))
      TestApp.expect(yield* again.get("/"), { text: "last" })
      assert.deepStrictEqual(entries, ["fake", "last"])
    })
  )

  it.effect("app 8: a replacement is built at the place of the original, with the services available there", () =>
    Effect.gen(function* () {
      const live = Layer.succeed(Index, "live")
      const needy = Layer.effect(
        Index,
        Effect.map(Store, (store) => `on ${store}`)
      )
      const read = HttpRouter.add(
        "GET",
        "/",
        Effect.map(Index, (text) => HttpServerResponse.text(text))
      )
      const app = App.make("x").manage(Layer.succeed(Store, "store")).manage(live).mount(read).override(live, needy)
      TestApp.expect(yield* (yield* TestApp.make(app)).get("/"), { status: 200, text: "on store" })
    })
  )

  it.effect("app 8: override of an unmanaged layer is a failure that says what to pass", () =>
    Effect.gen(function* () {
      const error = yield* failuresOf(
        App.make("x")
          .manage(Layer.succeed(Store, "live"))
          .override(Layer.succeed(Store, "another"), Layer.succeed(Store, "fake"))
      )
      assert.deepStrictEqual(
        error.failures.map(({ error }) => error._tag),
        ["NothingToOverride"]
      )
      assert.include(error.message, "Pass the same layer as to manage")
    })
  )
})

describe("an ignited app", () => {
  it.effect("app 8: launching it does not ignite it again", () =>
    Effect.gen(function* () {
      const { all, entries, on } = writer()
      const app = App.make("x")
        .manage(Layer.effect(Store, Effect.as(on("built"), "")))
        .attach(all("A"))
        .mount(hello)
      const ignited = yield* App.ignite(app)
      assert.deepStrictEqual(entries.splice(0), ["built", "ignite A"])
      const launched = yield* TestApp.make(ignited)
      TestApp.expect(yield* launched.get("/"), { status: 200, text: "hello" })
      assert.deepStrictEqual(entries.splice(0), ["liftoff A", "request A", "response A"])
      yield* Effect.scoped(TestApp.make(app))
      assert.deepStrictEqual(entries, ["built", "ignite A", "liftoff A"])
    })
  )
})

describe("a resource of ignition", () => {
  const acquiring = (on: (entry: string) => Effect.Effect<void>, name: string) =>
    Effect.acquireRelease(on(`acquire ${name}`), () => on(`release ${name}`))

  const appOf = (on: (entry: string) => Effect.Effect<void>) =>
    App.make("x")
      .manage(Layer.effect(Store, Effect.as(acquiring(on, "store"), "store")))
      .attach(Fairing.onIgnite("A", () => acquiring(on, "A")))
      .attach(
        Fairing.onIgnite("B", (app) =>
          Effect.asVoid(app.manage(Layer.effect(Index, Effect.as(acquiring(on, "index"), "index"))))
        )
      )

  const acquired = ["acquire store", "acquire A", "acquire index"]
  const released = ["release index", "release A", "release store"]

  it.effect("app 8: is released in reverse order when the scope closes, after the shutdown hooks", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const scope = yield* Scope.make()
      const app = appOf(on).attach(Fairing.onShutdown("bye", () => on("shutdown")))
      const launched = yield* Scope.provide(TestApp.make(app.mount(hello)), scope)
      assert.deepStrictEqual(entries.splice(0), acquired)
      yield* launched.terminate
      assert.deepStrictEqual(entries.splice(0), ["shutdown"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(entries, released)
    })
  )

  it.effect("app 8: is released in reverse order as soon as the ignition fails, while the scope stays open", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const failing = appOf(on).attach(Fairing.onIgnite("fails", () => new Broken()))
      const error = yield* Effect.flip(App.ignite(failing))
      assert.strictEqual(error._tag, "IgniteError")
      assert.deepStrictEqual(entries, [...acquired, ...released])
    })
  )

  it.effect("app 8: is released in reverse order when the ignition is interrupted", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const reached = yield* Deferred.make<void>()
      const waits = Fairing.onIgnite("waits", () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const fiber = yield* Effect.forkChild(App.ignite(appOf(on).attach(waits)))
      yield* Deferred.await(reached)
      assert.deepStrictEqual(entries, acquired)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(entries, [...acquired, ...released])
    })
  )
})
