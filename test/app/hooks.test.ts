import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

import { logsOf } from "../server/Logs.ts"
import { hello, writer } from "./Writer.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

const launch = <E, R>(app: App.App<never, E, R>, options?: TestApp.MakeOptions) => TestApp.make(app, undefined, options)

const view = (name: string, changes: (request: Request) => RequestView.ModifyOptions) =>
  Fairing.onRequest(name, (request) => RequestView.modify(request, changes(request)))

const echo = HttpRouter.add("*", "/echo", (request) =>
  Effect.map(Effect.orDie(request.text), (body) =>
    HttpServerResponse.text(`${request.method} ${request.url} ${request.headers["x-name"] ?? "-"} ${body}`)
  )
)

describe("request hooks", () => {
  it.effect("app 11: routing and the handler use the method, URL and headers that hooks have set", () =>
    Effect.gen(function* () {
      const app = yield* launch(
        App.make("x")
          .attach(view("method", ({ headers }) => ({ method: headers["x-method"] ?? "POST" })))
          .attach(view("url", ({ method, url }) => ({ url: `/echo?from=${url.slice(1)}&as=${method}` })))
          .attach(view("headers", ({ headers }) => ({ headers: { ...headers, "x-name": "named" } })))
          .mount(echo)
      )
      const options = { headers: { "x-method": "DELETE" }, body: "all of it" }
      TestApp.expect(yield* app.post("/nowhere", options), {
        status: 200,
        text: "DELETE /echo?from=nowhere&as=DELETE named all of it",
        ran: ["method", "url", "headers"]
      })
    })
  )

  it.effect("app 11: a hook that returns nothing, plainly or as an Effect, leaves the request as it is", () =>
    Effect.gen(function* () {
      const app = yield* launch(
        App.make("x")
          .attach(Fairing.onRequest("plain", () => {}))
          .attach(Fairing.onRequest("effect", () => Effect.yieldNow))
          .mount(echo)
      )
      TestApp.expect(yield* app.put("/echo", { body: "b" }), { status: 200, text: "PUT /echo - b" })
    })
  )

  it.effect("app 11: a hook may peek at the body, and the handler still reads all of it", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const peek = (name: string, bytes: number) =>
        Fairing.onRequest(name, (request) =>
          Effect.gen(function* () {
            const [head, whole] = yield* Effect.orDie(RequestView.peek(request, bytes))
            yield* on(`${name} ${new TextDecoder().decode(head)}`)
            return whole
          })
        )
      const app = yield* launch(App.make("x").attach(peek("short", 4)).attach(peek("long", 9)).mount(echo))
      TestApp.expect(yield* app.post("/echo", { body: "the whole body" }), { text: "POST /echo - the whole body" })
      assert.deepStrictEqual(entries, ["short the ", "long the whole"])
    })
  )

  it.effect("app 11: a hook that dies ends its own request with 500, logged once with its name", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const dies = Fairing.onRequest("dies", (request) => {
        if (request.url === "/") throw new Error("a bad hook")
      })
      const program = Effect.gen(function* () {
        const app = yield* launch(
          App.make("x")
            .attach(dies)
            .attach(Fairing.onRequest("later", () => on("later")))
            .attach(Fairing.onResponse("sees", ({ status }) => on(`${status}`)))
            .mount(hello)
            .mount(echo)
        )
        return [yield* app.get("/"), yield* app.get("/echo")] as const
      })
      const [[broken, whole], lines] = yield* logsOf(program)
      TestApp.expect(broken, { status: 500, text: "", skipped: ["later"] })
      TestApp.expect(whole, { status: 200 })
      assert.deepStrictEqual(entries, ["500", "later", "200"])
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error"]
      )
      assert.include(lines[0]?.message, `"dies"`)
    })
  )
})

/** What response hooks see of an app for one request, and what the client gets. */
const seen = (app: App.App<never, never, never>, method = "GET", path = "/") =>
  Effect.gen(function* () {
    const responses: Array<Response> = []
    const look = Fairing.onResponse("look", (response) => void responses.push(response))
    const last = Fairing.onResponse("last", (response) => HttpServerResponse.setHeader(response, "x-last", "yes"))
    const launched = yield* launch(app.attach(look).attach(last))
    const reply = yield* launched.send(method, path)
    TestApp.expect(reply, { headers: { "x-last": "yes" } })
    assert.lengthOf(responses, 1)
    return { reply, response: responses[0]! }
  })

const route = (handler: Effect.Effect<Response>) => App.make("x").mount(HttpRouter.add("GET", "/", handler))

const whole = HttpServerResponse.text("the whole body")

describe("response hooks", () => {
  it.effect("app 12: they see what a handler answers, whatever its status", () =>
    Effect.gen(function* () {
      for (const status of [200, 302, 405, 500]) {
        const { reply } = yield* seen(route(Effect.succeed(HttpServerResponse.text("x", { status }))))
        TestApp.expect(reply, { status, text: "x" })
      }
    })
  )

  it.effect("app 12: they see the 404 of the router, and of a served app after it", () =>
    Effect.gen(function* () {
      TestApp.expect((yield* seen(App.make("x").mount(hello), "GET", "/none")).reply, { status: 404, text: "" })
      TestApp.expect((yield* seen(App.make("x").mount(hello), "DELETE", "/")).reply, { status: 404, text: "" })
      const served = App.make("x")
        .mount(hello)
        .serve(Effect.succeed(HttpServerResponse.text("none", { status: 404 })))
      TestApp.expect((yield* seen(served, "GET", "/none")).reply, { status: 404, text: "none" })
      TestApp.expect((yield* seen(served)).reply, { status: 200, text: "hello" })
    })
  )

  it.effect("app 12: they see the 500 of a defect, without details, and it is logged once", () =>
    Effect.gen(function* () {
      const dying = [
        Effect.die(new Error("secret")),
        Effect.andThen(Effect.yieldNow, Effect.die(new Error("secret"))),
        Effect.sync((): Response => {
          throw new Error("secret")
        })
      ]
      for (const app of [...dying.map(route), App.make("x").serve(dying[0]!)]) {
        const [{ reply }, lines] = yield* logsOf(seen(app))
        TestApp.expect(reply, { status: 500, text: "" })
        assert.deepStrictEqual(
          lines.map(({ level }) => level),
          ["Error"]
        )
      }
    })
  )

  it.effect("app 12: a defect is logged once without any hook, too", () =>
    Effect.gen(function* () {
      const [reply, lines] = yield* logsOf(Effect.flatMap(launch(route(Effect.die("x"))), (app) => app.get("/")))
      TestApp.expect(reply, { status: 500, text: "" })
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error"]
      )
    })
  )

  it.effect("app 12: they see what a typed failure came to, which types do not let through", () =>
    Effect.gen(function* () {
      const failing = HttpRouter.add("GET", "/", Effect.fail({ _tag: "Unmapped" })) as unknown as typeof hello
      const [{ reply }, lines] = yield* logsOf(seen(App.make("x").mount(failing)))
      TestApp.expect(reply, { status: 500, text: "" })
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error"]
      )
    })
  )

  it.effect("app 12: they see the 503 of a request that the shutdown interrupted", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const begun = yield* Deferred.make<void>()
      const endless = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const app = yield* launch(
        route(Effect.onInterrupt(endless, () => on("interrupted"))).attach(
          Fairing.onResponse("sees", (response) =>
            Effect.as(on(`${response.status}`), HttpServerResponse.setHeader(response, "x-seen", "yes"))
          )
        ),
        { grace: "5 seconds" }
      )
      const request = yield* Effect.forkChild(app.get("/"))
      yield* Deferred.await(begun)
      const terminated = yield* Effect.forkChild(app.terminate)
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(entries, [])
      yield* TestClock.adjust("1 second")
      TestApp.expect(yield* Fiber.join(request), { status: 503, headers: { "x-seen": "yes" }, text: "" })
      assert.deepStrictEqual(entries, ["interrupted", "503"])
      yield* Fiber.join(terminated)
    })
  )

  it.effect("app 12: they see the 499 of a request whose client went away", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const begun = yield* Deferred.make<void>()
      const app = yield* launch(
        route(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)).attach(
          Fairing.onResponse("sees", ({ status }) => on(`${status}`))
        )
      )
      const request = yield* Effect.forkChild(app.get("/"))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(request)
      assert.deepStrictEqual(entries, ["499"])
    })
  )

  it.effect("app 12: they may replace status, headers and body, and content-length follows", () =>
    Effect.gen(function* () {
      const replace = Fairing.onResponse("replace", (response, request) =>
        HttpServerResponse.text(`${response.status} ${request.url}`, {
          status: 418,
          headers: { ...response.headers, "x-new": "1" }
        })
      )
      const longer = Fairing.onResponse("longer", (response) =>
        HttpServerResponse.setBody(response, HttpServerResponse.text("a much longer body").body)
      )
      const one = yield* launch(App.make("x").attach(replace).mount(hello))
      TestApp.expect(yield* one.get("/"), {
        status: 418,
        text: "200 /",
        headers: { "content-length": "5", "x-new": "1" }
      })
      const two = yield* launch(App.make("x").attach(replace).attach(longer).mount(hello))
      TestApp.expect(yield* two.get("/none"), {
        status: 418,
        text: "a much longer body",
        headers: { "content-length": "18" }
      })
    })
  )

  it.effect("app 12: they run before 204 and 304 lose their body", () =>
    Effect.gen(function* () {
      for (const status of [204, 304]) {
        const { reply, response } = yield* seen(route(Effect.succeed(HttpServerResponse.setStatus(whole, status))))
        assert.deepStrictEqual(response.body, whole.body)
        TestApp.expect(reply, { status, text: "" })
      }
    })
  )

  it.effect(
    "app2 2.5: one that dies is logged once; the response goes out without its change, and the later hooks run",
    () =>
      Effect.gen(function* () {
        const throws = Fairing.onResponse("throws", () => {
          throw new Error("a bad hook")
        })
        const dies = Fairing.onResponse("dies", () => Effect.andThen(Effect.yieldNow, Effect.die("a bad hook")))
        const secure = Fairing.onResponse("secure", HttpServerResponse.setHeader("x-frame-options", "DENY"))
        const app = App.make("x").attach(throws).attach(dies).attach(secure).mount(hello)
        const [reply, lines] = yield* logsOf(Effect.flatMap(launch(app), (app) => app.get("/")))
        TestApp.expect(reply, { status: 200, text: "hello", headers: { "x-frame-options": "DENY" } })
        assert.deepStrictEqual(
          lines.map(({ level }) => level),
          ["Error", "Error"]
        )
        assert.include(lines[0]?.message, `"throws"`)
        assert.include(lines[1]?.message, `"dies"`)
      })
  )
})

describe("hooks and pipelines", () => {
  it.effect("app2 2.5: response hooks run after the stages for sending of a pipeline", () =>
    Effect.gen(function* () {
      const pipeline = Pipeline.make("inner")
        .sending(Middleware.sending("sent", HttpServerResponse.setHeader("x-sent", "yes")))
        .handle(HttpServerResponse.text("hello"))
      const { response } = yield* seen(App.make("x").serve(pipeline))
      assert.strictEqual(response.headers["x-sent"], "yes")
    })
  )

  it.effect("app 12: two requests that die of one defect are logged twice", () =>
    Effect.gen(function* () {
      const dying = route(Effect.die(new Error("secret")))
      const [, lines] = yield* logsOf(
        Effect.flatMap(launch(dying), (app) => Effect.andThen(app.get("/"), app.get("/")))
      )
      assert.lengthOf(lines, 2)
    })
  )

  it.effect("app 12: response hooks get the request as the last request hook left it", () =>
    Effect.gen(function* () {
      const urls: Array<string> = []
      const moved = view("moved", () => ({ url: "/?moved" }))
      const look = Fairing.onResponse("look", (_, { url }) => void urls.push(url))
      const app = yield* launch(App.make("x").attach(moved).attach(look).mount(hello))
      TestApp.expect(yield* app.get("/elsewhere"), { status: 200 })
      assert.deepStrictEqual(urls, ["/?moved"])
    })
  )
})

describe("HEAD", () => {
  it.effect("app 14: answered by a GET route, request hooks see HEAD and response hooks the full body", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const methods = Fairing.make("methods", {
        onRequest: ({ method }) => on(`request ${method}`),
        onResponse: (_, { method }) => on(`response ${method}`)
      })
      const { reply, response } = yield* seen(route(Effect.succeed(whole)).attach(methods), "HEAD")
      assert.deepStrictEqual(entries, ["request HEAD", "response HEAD"])
      assert.deepStrictEqual(response.body, whole.body)
      TestApp.expect(reply, {
        status: 200,
        text: "",
        headers: { "content-length": "14", "content-type": "text/plain" }
      })
    })
  )
})
