import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { failuresOf, hello, listed, writer } from "./Writer.ts"

const lifeOf = (name: string): ReadonlyArray<string> => [
  `ignite ${name}`,
  `liftoff ${name}`,
  `request ${name}`,
  `response ${name}`,
  `shutdown ${name}`
]

describe("attach", () => {
  it.effect("app 1: no hook of an unattached fairing fires, and an undefined hook is no kind", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      all("absent")
      const nothing = Fairing.make("nothing", {})
      const app = yield* TestApp.make(App.make("x").attach(nothing).mount(hello))
      const reply = yield* app.get("/")
      yield* app.terminate
      assert.deepStrictEqual(entries, [])
      assert.deepStrictEqual(listed(app.launched.fairings), [{ name: "nothing", kinds: [] }])
      assert.deepStrictEqual(reply.journal, [])
    })
  )

  it.effect("app 1: a fairing without request and response hooks adds no stage to a request", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const quiet = Fairing.make("quiet", {
        onLiftoff: () => on("liftoff quiet"),
        onShutdown: () => on("shutdown quiet")
      })
      const app = yield* TestApp.make(App.make("x").attach(quiet).mount(hello))
      const { journal } = yield* app.get("/")
      assert.deepStrictEqual(journal, [])
      assert.deepStrictEqual(entries, ["liftoff quiet"])
    })
  )

  it.effect("app 2: every hook runs in attach order, the response hooks too", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const app = yield* TestApp.make(App.make("x").attach(all("A")).attach(all("B")).mount(hello))
      const reply = yield* app.get("/")
      yield* app.terminate
      const each = (hook: string) => entries.filter((entry) => entry.startsWith(`${hook} `))
      assert.deepStrictEqual(each("ignite"), ["ignite A", "ignite B"])
      assert.deepStrictEqual(each("request"), ["request A", "request B"])
      assert.deepStrictEqual(each("response"), ["response A", "response B"])
      assert.sameMembers([...entries], [...lifeOf("A"), ...lifeOf("B")])
      TestApp.expect(reply, { status: 200, text: "hello", ran: ["A", "B", "A", "B"] })
    })
  )

  it.effect("app 2: attached twice, the hooks of a fairing run twice, each at its place", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const twice = all("A")
      const app = yield* TestApp.make(App.make("x").attach(twice).attach(all("B")).attach(twice).mount(hello))
      yield* app.get("/")
      yield* app.terminate
      const each = (hook: string) => entries.filter((entry) => entry.startsWith(`${hook} `))
      for (const hook of ["ignite", "request", "response"]) {
        assert.deepStrictEqual(each(hook), [`${hook} A`, `${hook} B`, `${hook} A`])
      }
      assert.lengthOf(each("liftoff"), 3)
      assert.lengthOf(each("shutdown"), 3)
    })
  )

  it.effect("app 3: every hook has a constructor from a function, and its fairing that kind alone", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const app = yield* TestApp.make(
        App.make("x")
          .attach(Fairing.onIgnite("i", () => on("ignite")))
          .attach(Fairing.onLiftoff("l", () => on("liftoff")))
          .attach(Fairing.onRequest("q", () => on("request")))
          .attach(Fairing.onResponse("p", () => on("response")))
          .attach(Fairing.onShutdown("d", () => on("shutdown")))
          .mount(hello)
      )
      TestApp.expect(yield* app.get("/"), { status: 200, text: "hello" })
      yield* app.terminate
      assert.deepStrictEqual(entries, ["ignite", "liftoff", "request", "response", "shutdown"])
      assert.deepStrictEqual(
        app.launched.fairings.map(({ kinds, name }) => [name, ...kinds]),
        [
          ["i", "ignite"],
          ["l", "liftoff"],
          ["q", "request"],
          ["p", "response"],
          ["d", "shutdown"]
        ]
      )
    })
  )

  it.effect("app 3: a hook may return its result plainly or as an Effect", () =>
    Effect.gen(function* () {
      const plain = Fairing.make("plain", {
        onIgnite: () => Effect.void,
        onLiftoff: () => {},
        onRequest: () => {},
        onResponse: (response) => HttpServerResponse.setHeader(response, "plain", "yes"),
        onShutdown: () => {}
      })
      const effectful = Fairing.onResponse("effectful", (response) =>
        Effect.as(Effect.yieldNow, HttpServerResponse.setHeader(response, "effectful", "yes"))
      )
      const app = yield* TestApp.make(App.make("x").attach(plain).attach(effectful).mount(hello))
      TestApp.expect(yield* app.get("/"), { status: 200, headers: { plain: "yes", effectful: "yes" }, text: "hello" })
      yield* app.terminate
    })
  )
})

class Greeting extends Context.Service<Greeting, string>()("test/app/Greeting") {}
class Greeter extends Fairing.Service<Greeter>()("test/app/Greeter", { provides: Greeting }) {}

const greet = HttpRouter.add(
  "GET",
  "/",
  Effect.map(Greeting, (text) => HttpServerResponse.text(text))
)

const saying = (text: string) => Fairing.onIgnite(text, () => Effect.succeed(Context.make(Greeting, text)))

describe("Fairing.Service", () => {
  it.effect("app 3: a class names the fairing, and another layer swaps what it does", () =>
    Effect.gen(function* () {
      const app = App.make("x").attach(Greeter).mount(greet)
      for (const text of ["live", "fake"]) {
        const launched = yield* TestApp.make(app, Greeter.layer(saying(text)))
        TestApp.expect(yield* launched.get("/"), { status: 200, text })
      }
      const managed = yield* TestApp.make(
        App.make("x")
          .manage(Greeter.layer(saying("managed")))
          .attach(Greeter)
          .mount(greet)
      )
      TestApp.expect(yield* managed.get("/"), { status: 200, text: "managed" })
    })
  )

  class Ledger extends Context.Service<Ledger, Array<string>>()("test/app/Ledger") {}
  const note = (entry: string) => Effect.map(Ledger, (ledger) => void ledger.push(entry))
  const noting = Fairing.make("noting", {
    onIgnite: () => Effect.as(note("ignite"), Context.make(Greeting, "noted")),
    onLiftoff: () => note("liftoff"),
    onRequest: () => note("request"),
    onResponse: () => note("response"),
    onShutdown: () => Effect.flatMap(Greeting, (text) => note(`shutdown ${text}`))
  })

  it.effect("app 3: the fairing's services come from its layer's context, and are for its own hooks alone", () =>
    Effect.gen(function* () {
      const [mine, ofApp]: [Array<string>, Array<string>] = [[], []]
      const seen = HttpRouter.add(
        "GET",
        "/seen",
        Effect.map(Effect.serviceOption(Ledger), (ledger) => HttpServerResponse.text(ledger._tag))
      )
      const layer = Layer.provide(Greeter.layer(noting), [
        Layer.succeed(Ledger, mine),
        Layer.succeed(Greeting, "built")
      ])
      const managed: ReadonlyArray<Layer.Layer<never>> = [Layer.empty, Layer.succeed(Ledger, ofApp)]
      for (const [index, given] of managed.entries()) {
        const app = yield* TestApp.make(App.make("x").manage(given).attach(Greeter).mount(greet).mount(seen), layer)
        TestApp.expect(yield* app.get("/"), { status: 200, text: "noted" })
        assert.deepStrictEqual(mine.splice(0), ["ignite", "liftoff", "request", "response"])
        TestApp.expect(yield* app.get("/seen"), { text: ["None", "Some"][index]! })
        yield* app.terminate
        assert.deepStrictEqual(mine.splice(0), ["request", "response", "shutdown noted"])
        assert.deepStrictEqual(ofApp, [])
      }
    })
  )

  it.effect("app 3: resources acquired at its ignition live as long as the app, not as long as its layer", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const acquiring = Fairing.onIgnite("acquiring", () =>
        Effect.as(
          Effect.acquireRelease(on("acquire"), () => on("release")),
          Context.make(Greeting, "")
        )
      )
      const services = yield* Layer.build(Greeter.layer(acquiring))
      yield* Effect.scoped(Effect.provideContext(App.ignite(App.make("x").attach(Greeter)), services))
      assert.deepStrictEqual(entries, ["acquire", "release"])
    })
  )

  it.effect("app 3: its request hooks see the request they are called for, and its scope", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const scoped = Fairing.make("scoped", {
        onIgnite: () => Effect.succeed(Context.make(Greeting, "scoped")),
        onRequest: () =>
          Effect.gen(function* () {
            const { url } = yield* HttpServerRequest.HttpServerRequest
            yield* Effect.addFinalizer(() => Effect.sync(() => closed.push(url)))
          })
      })
      const app = yield* TestApp.make(App.make("x").attach(Greeter).mount(greet), Greeter.layer(scoped))
      yield* app.get("/?1")
      assert.deepStrictEqual(closed, ["/?1"])
      yield* app.get("/?2")
      assert.deepStrictEqual(closed, ["/?1", "/?2"])
    })
  )
})

describe("singletons", () => {
  const singleton = (key: string, name: string, entries: Array<string>) =>
    Fairing.make(name, {
      singleton: key,
      onIgnite: () => Effect.sync(() => void entries.push(name))
    })

  it.effect("app 4: of several with one key only the last attached ignites, at its own position", () =>
    Effect.gen(function* () {
      const { all, entries } = writer()
      const ignited: Array<string> = []
      const app = yield* TestApp.make(
        App.make("x")
          .attach(singleton("k", "first", ignited))
          .attach(all("A"))
          .attach(singleton("other", "other", ignited))
          .attach(singleton("k", "second", ignited))
          .attach(all("B"))
          .attach(singleton("k", "last", ignited))
          .attach(all("C"))
          .mount(hello)
      )
      assert.deepStrictEqual(ignited, ["other", "last"])
      assert.deepStrictEqual(
        app.launched.fairings.map(({ name }) => name),
        ["A", "other", "B", "last", "C"]
      )
      assert.notInclude(entries.join(), "first")
    })
  )

  it.effect("app 4: one attached during ignition replaces one of its key that has not ignited yet", () =>
    Effect.gen(function* () {
      const ignited: Array<string> = []
      const app = yield* TestApp.make(
        App.make("x")
          .attach(Fairing.onIgnite("attacher", (app) => app.attach(singleton("k", "late", ignited))))
          .attach(singleton("k", "early", ignited))
          .mount(hello)
      )
      assert.deepStrictEqual(ignited, ["late"])
      assert.deepStrictEqual(
        app.launched.fairings.map(({ name }) => name),
        ["attacher", "late"]
      )
    })
  )

  it.effect("app 4: one attached during ignition after one of its key has ignited is a failure that names it", () =>
    Effect.gen(function* () {
      const ignited: Array<string> = []
      const error = yield* failuresOf(
        App.make("x")
          .attach(singleton("k", "early", ignited))
          .attach(Fairing.onIgnite("attacher", (app) => app.attach(singleton("k", "late", ignited))))
      )
      assert.deepStrictEqual(ignited, ["early"])
      const [failure, ...more] = error.failures
      assert.deepStrictEqual(more, [])
      assert.strictEqual(failure?.step, "late")
      assert.instanceOf(failure?.error, App.DuplicateSingleton)
      assert.include(error.message, `"k"`)
      assert.include(error.message, `"late"`)
      assert.include(error.message, "Attach it before the launch")
    })
  )

  it.effect("app 4: the key of a class-tagged fairing counts like any other", () =>
    Effect.gen(function* () {
      const ignited: Array<string> = []
      const tagged = Fairing.make("tagged", {
        singleton: "k",
        onIgnite: () =>
          Effect.sync(() => {
            ignited.push("tagged")
            return Context.make(Greeting, "tagged")
          })
      })
      const app = App.make("x")
        .attach(Greeter)
        .attach(singleton("k", "plain", ignited))
        .attach(Greeter)
        .mount(greet)
      TestApp.expect(yield* (yield* TestApp.make(app, Greeter.layer(tagged))).get("/"), { text: "tagged" })
      assert.deepStrictEqual(ignited, ["tagged"])
    })
  )
})

describe("listing", () => {
  const key = "test/app/listed"
  const listing = Fairing.make("listed", { singleton: key, onRequest: () => {}, onResponse: () => {} })
  const app = App.make("x")
    .attach(listing)
    .attach(Greeter)
    .attach(Fairing.onShutdown("bye", () => {}))
    .mount(greet)

  it("app 5: the fairings of an app are listed with names and kinds, in order, before it is launched", () => {
    assert.deepStrictEqual(listed(App.fairings(app)), [
      { name: "listed", kinds: ["request", "response"], singleton: key },
      { name: "test/app/Greeter", kinds: [], service: "test/app/Greeter" },
      { name: "bye", kinds: ["shutdown"] }
    ])
  })

  it.effect(
    "app 5: an ignited app lists them as they were built, those attached during ignition too, with its routes",
    () =>
      Effect.gen(function* () {
        const attacher = Fairing.onIgnite("live", (ignition) =>
          Effect.as(ignition.attach(Fairing.onLiftoff("joined", () => {})), Context.make(Greeting, "live"))
        )
        const ignited = yield* Effect.provide(App.ignite(app), Greeter.layer(attacher))
        assert.deepStrictEqual(listed(ignited.fairings), [
          { name: "listed", kinds: ["request", "response"], singleton: key },
          { name: "live", kinds: ["ignite"], service: "test/app/Greeter" },
          { name: "bye", kinds: ["shutdown"] },
          { name: "joined", kinds: ["liftoff"] }
        ])
        assert.deepStrictEqual(ignited.routes, [{ method: "GET", path: "/" }])
        assert.deepStrictEqual(App.fairings(ignited), ignited.fairings)
      })
  )

  it.effect("app 5: a fairing is found by its singleton key or its class, before and after ignition", () =>
    Effect.gen(function* () {
      assert.strictEqual(App.find(app, key)?.name, "listed")
      assert.strictEqual(App.find(app, Greeter)?.name, "test/app/Greeter")
      assert.isUndefined(App.find(app, "bye"))
      assert.isUndefined(App.find(App.make("y"), Greeter))
      const ignited = yield* Effect.provide(App.ignite(app), Greeter.layer(saying("live")))
      assert.deepStrictEqual(App.find(ignited, Greeter)?.kinds, ["ignite"])
      assert.strictEqual(App.find(ignited, key)?.name, "listed")
    })
  )

  it.effect("app 5: a liftoff hook sees them with the address and the routes, in mount order", () =>
    Effect.gen(function* () {
      let seen: Fairing.Liftoff | undefined
      const slow = Layer.unwrap(Effect.as(Effect.yieldNow, HttpRouter.add("POST", "/slow", HttpServerResponse.empty())))
      const look = Fairing.onLiftoff("look", (liftoff) => {
        seen = liftoff
      })
      const { launched } = yield* TestApp.make(App.make("x").attach(look).mount(slow).mount(hello))
      assert.strictEqual(seen?.app, "x")
      assert.deepStrictEqual(seen?.address, launched.address)
      assert.deepStrictEqual(listed(seen?.fairings ?? []), [{ name: "look", kinds: ["liftoff"] }])
      assert.deepStrictEqual(seen?.routes, [
        { method: "POST", path: "/slow" },
        { method: "GET", path: "/" }
      ])
    })
  )
})
