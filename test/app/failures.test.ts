import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer, Logger, Redacted, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { Otlp } from "effect/observability"
import { InvalidOption } from "fairlead"
import { App, AppConfig, Fairing } from "fairlead/app"
import { accessLog, banner } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import { keepLogs, logsOf } from "../server/Logs.ts"
import { failuresOf, hello } from "./Writer.ts"

class Store extends Context.Service<Store, string>()("test/app/Store") {}
class Index extends Context.Service<Index, string>()("test/app/Index") {}
class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return "The store failed. Look at the cause"
  }
}

const failing = (error: unknown) => Layer.effect(Store, Effect.fail(error as never))

describe("a failed start", () => {
  it.effect("app2 2.1: shows the fields of an error and the chain of its causes", () =>
    Effect.gen(function* () {
      const root = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
      const cause = new Error("unable to open database file /data/shop.db", { cause: root })
      const { message } = yield* failuresOf(App.make("x").manage(failing(new StoreError({ operation: "open", cause }))))
      assert.match(message, /StoreError: The store failed\. Look at the cause/)
      assert.match(message, /operation: open/)
      assert.match(message, /caused by Error: unable to open database file \/data\/shop\.db/)
      assert.match(message, /caused by Error: ENOSPC: no space left on device \(ENOSPC\)/)
    })
  )

  it.effect("app2 2.1: shows a defect with its stack, and keeps the whole cause", () =>
    Effect.gen(function* () {
      const defect = new Error("a broken build")
      const { failures, message } = yield* failuresOf(App.make("x").manage(Layer.effect(Store, Effect.die(defect))))
      assert.match(message, /a broken build\n\s+at .*failures\.test\.ts/)
      assert.deepInclude(failures[0]?.cause.reasons[0], { _tag: "Die", defect })
    })
  )

  it.effect("app2 2.1: shows a plain object, and no secret", () =>
    Effect.gen(function* () {
      const plain = { reason: "the key is wrong", key: Redacted.make("secret") }
      const { message } = yield* failuresOf(App.make("x").manage(failing(plain)))
      assert.match(message, /reason: the key is wrong/)
      assert.notMatch(message, /secret|without a message/)
    })
  )

  it.effect("app2 2.1: calls a layer by the services that were missed because of it", () =>
    Effect.gen(function* () {
      const app = App.make("x")
        .manage(Layer.succeed(Index, "index"))
        .manage(failing(new StoreError({ operation: "open", cause: "no" })))
        .attach(Fairing.onIgnite("needs", () => Effect.asVoid(Store)))
      const { failures, message } = yield* failuresOf(app)
      assert.deepStrictEqual(
        failures.map(({ step }) => step),
        ["manage(test/app/Store)"]
      )
      assert.match(message, /So nothing provides test\/app\/Store/)
    })
  )

  it.effect("app2 2.3: layers that extend a Reference may be managed together", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      const app = App.make("x").manage(Logger.layer([])).manage(Layer.provideMerge(Layer.empty, layer)).mount(hello)
      const launched = yield* TestApp.make(app)
      yield* launched.terminate
      assert.isTrue(lines.some(({ message }) => message.includes("is stopping")))
    })
  )

  it.effect(
    "app2 2.3: a tracer and a logger over OTLP may be managed together with the application's own loggers",
    () =>
      Effect.gen(function* () {
        const { layer, lines } = keepLogs()
        const sent: Array<string> = []
        const client = HttpClient.make((request, url) =>
          Effect.sync(() => {
            sent.push(url.pathname)
            return HttpClientResponse.fromWeb(request, new Response())
          })
        )
        const otlp = Layer.provide(
          Otlp.layerJson({ baseUrl: "http://otlp.test", resource: { serviceName: "x" } }),
          Layer.succeed(HttpClient.HttpClient, client)
        )
        const app = App.make("x").manage(layer).manage(otlp).mount(hello)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const launched = yield* TestApp.make(app)
            yield* launched.get("/")
            yield* launched.terminate
          })
        )
        assert.isTrue(lines.some(({ message }) => message.includes("is stopping")))
        assert.includeMembers(sent, ["/v1/logs", "/v1/traces"])
      })
  )

  it.effect("app2 2.4: two providers of a service, layers or fairings, are refused by name", () =>
    Effect.gen(function* () {
      const provides = (name: string) => Fairing.onIgnite(name, () => Effect.succeed(Context.make(Store, name)))
      const managed = yield* failuresOf(App.make("x").manage(Layer.succeed(Store, "m")).attach(provides("fairing")))
      assert.match(
        managed.message,
        /test\/app\/Store is provided by manage\(test\/app\/Store\) already, and again by fairing/
      )
      const two = yield* failuresOf(App.make("x").attach(provides("one")).attach(provides("two")))
      assert.match(two.message, /test\/app\/Store is provided by one already, and again by two/)
    })
  )

  it.effect("app2 2.4: TestApp.make refuses a fake for a managed service, and override replaces it", () =>
    Effect.gen(function* () {
      const live = Layer.succeed(Store, "live")
      const read = HttpRouter.add(
        "GET",
        "/",
        Effect.map(Store, (text) => HttpServerResponse.text(text))
      )
      const app = App.make("x").manage(live).mount(read)
      const fake = Layer.succeed(Store, "fake")
      const error = yield* Effect.flip(TestApp.make(app, fake))
      assert.match(error.message, /test\/app\/Store is provided by the layer of TestApp\.make already/)
      TestApp.expect(yield* (yield* TestApp.make(app.override(live, fake))).get("/"), { text: "fake" })
    })
  )

  it.effect("app2 2.7: AppConfig.all has one fault for a missing list, and names each missing variable", () =>
    Effect.gen(function* () {
      const config = AppConfig.all({
        port: Config.Port("PORT"),
        hosts: Config.Array(Schema.NonEmptyString, "HOSTS"),
        name: Config.NonEmptyString("NAME")
      })
      const read = (input: object) =>
        Effect.provideService(Effect.result(config), ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(input))
      const none = yield* read({ NAME: "" })
      assert.isTrue(none._tag === "Failure")
      const { message } = none._tag === "Failure" ? none.failure : { message: "" }
      assert.deepStrictEqual(message.match(/\w+ is not set/g), [
        "PORT is not set",
        "HOSTS is not set",
        "NAME is not set"
      ])
      assert.notMatch(message, /Expected/)
      const whole = yield* read({ PORT: "80", HOSTS: "a,b", NAME: "n" })
      assert.deepStrictEqual(whole._tag === "Success" ? whole.success : {}, {
        port: 80,
        hosts: ["a", "b"],
        name: "n"
      })
    })
  )

  it.effect("app2 2.7: under Config.nested the variables are named with their prefix", () =>
    Effect.gen(function* () {
      const config = Config.nested(AppConfig.all({ port: Config.Port("PORT"), size: Config.Int("SIZE") }), "shop")
      const provider = ConfigProvider.fromUnknown({ shop: { SIZE: "large" } })
      const { message } = yield* Effect.flip(Effect.provideService(config, ConfigProvider.ConfigProvider, provider))
      assert.match(message, /shop\.PORT is not set/)
      assert.notMatch(message, /SIZE is not set/)
    })
  )

  it.effect("app2 2.8: the banner shows every route, also those that a served app declares", () =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      const print = (text: string) => Effect.sync(() => void texts.push(text))
      const served = Effect.succeed(HttpServerResponse.empty())
      const app = App.make("x")
        .attach(banner({ print }))
        .mount(hello)
        .serve(served, { routes: [HttpRouter.route("GET", "/rooms/:room", served)] })
      yield* TestApp.make(app)
      assert.match(texts[0] ?? "", /GET {2}\/\n {2}GET {2}\/rooms\/:room/)
    })
  )

  it.effect("app2 2.8: an access log is one line away, without the query and without forged lines", () =>
    Effect.gen(function* () {
      const use = Effect.flatMap(TestApp.make(App.make("x").attach(accessLog()).mount(hello)), (app) =>
        app.get("/?token=secret")
      )
      const [, lines] = yield* logsOf(use)
      assert.match(lines[0]?.message ?? "", /^GET \/ 200 in \d+ ms$/)
      assert.deepInclude(lines[0]?.annotations, { "http.request.method": "GET", "http.response.status_code": 200 })
    })
  )

  it("app.serve and app.attach refuse other values, with a message that names the value", () => {
    const response: any = HttpServerResponse.text("plain")
    assert.throws(() => App.make("x").serve(response), InvalidOption, /serve/)
    const nothing: any = {}
    assert.throws(() => App.make("x").attach(nothing), InvalidOption, /Fairing\.make/)
  })
})
