import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

/** Sets the cookies that the query names, as they are; every reply tells what cookie header came. */
const route = HttpRouter.add(
  "GET",
  "/*",
  Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, url }) => {
    const response = new globalThis.Response(headers["cookie"] ?? "none")
    for (const set of new URL(url, "http://x").searchParams.getAll("set")) response.headers.append("set-cookie", set)
    return HttpServerResponse.raw(response)
  })
)

const launch = (options?: TestApp.MakeOptions) => TestApp.make(App.make("x").mount(route), undefined, options)

const set = (...cookies: ReadonlyArray<string>) =>
  `?${new URLSearchParams(cookies.map((cookie) => ["set", cookie])).toString()}`

const sent = (app: TestApp.TestApp, path = "/") => Effect.map(app.get(path), ({ text }) => text)

describe("cookies", () => {
  it.effect("app 18: a cookie that a reply sets is sent with later requests, until it is set again", () =>
    Effect.gen(function* () {
      const app = yield* launch()
      assert.strictEqual(yield* sent(app, `/${set("a=1", "b=two%20words")}`), "none")
      assert.strictEqual(yield* sent(app), "a=1; b=two%20words")
      assert.strictEqual(yield* sent(app, `/${set("a=2")}`), "a=1; b=two%20words")
      assert.strictEqual(yield* sent(app), "a=2; b=two%20words")
      const kept = yield* app.cookies
      assert.deepStrictEqual(
        kept.map(({ name, value }) => [name, value]),
        [
          ["a", "2"],
          ["b", "two words"]
        ]
      )
    })
  )

  it.effect("app 18: cookies set by Effect's responses come back to its requests", () =>
    Effect.gen(function* () {
      const visits = HttpRouter.add(
        "GET",
        "/",
        Effect.map(HttpServerRequest.HttpServerRequest, ({ cookies }) => {
          const count = Number(cookies["visits"] ?? 0) + 1
          return HttpServerResponse.setCookieUnsafe(HttpServerResponse.text(`${count}`), "visits", `${count}`, {
            path: "/",
            httpOnly: true,
            maxAge: "1 day"
          })
        })
      )
      const app = yield* TestApp.make(App.make("x").mount(visits))
      for (const text of ["1", "2", "3"]) TestApp.expect(yield* app.get("/"), { status: 200, text })
    })
  )

  it.effect("app 18: a cookie is deleted by Max-Age=0 or an Expires in the past", () =>
    Effect.gen(function* () {
      const app = yield* launch()
      yield* sent(app, `/${set("a=1", "b=1", "c=1")}`)
      yield* sent(app, `/${set("a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")}`)
      assert.strictEqual(yield* sent(app), "c=1")
      assert.lengthOf(yield* app.cookies, 1)
    })
  )

  it.effect("app 18: a cookie expires by the test's clock", () =>
    Effect.gen(function* () {
      const app = yield* launch()
      yield* sent(app, `/${set("short=1; Max-Age=60", "long=1; Max-Age=3600", "session=1")}`)
      yield* TestClock.adjust(Duration.seconds(59))
      assert.strictEqual(yield* sent(app), "short=1; long=1; session=1")
      yield* TestClock.adjust(Duration.seconds(1))
      assert.strictEqual(yield* sent(app), "long=1; session=1")
      yield* TestClock.adjust(Duration.hours(1))
      assert.strictEqual(yield* sent(app), "session=1")
    })
  )

  it.effect("app 18: a cookie is sent below its path alone, and two of one name may live on two paths", () =>
    Effect.gen(function* () {
      const app = yield* launch()
      yield* sent(app, `/shop/cart/${set("a=root; Path=/", "a=admin; Path=/admin", "b=default")}`)
      assert.strictEqual(yield* sent(app, "/"), "a=root")
      assert.strictEqual(yield* sent(app, "/administrator"), "a=root")
      assert.strictEqual(yield* sent(app, "/admin/users"), "a=admin; a=root")
      assert.strictEqual(yield* sent(app, "/shop/cart/1"), "b=default; a=root")
      assert.strictEqual(yield* sent(app, "/shop"), "a=root")
    })
  )

  it.effect("app 18: a Secure cookie is sent to an https origin alone, and one of another domain never", () =>
    Effect.gen(function* () {
      const cookies = set("s=1; Secure", "other=1; Domain=elsewhere.example")
      const plain = yield* launch()
      yield* sent(plain, `/${cookies}`)
      assert.strictEqual(yield* sent(plain), "none")
      const secure = yield* launch({ origin: "https://shop.example" })
      yield* sent(secure, `/${cookies}`)
      assert.strictEqual(yield* sent(secure), "s=1")
    })
  )

  it.effect("app 18: a request's own cookie header replaces the kept cookies", () =>
    Effect.gen(function* () {
      const app = yield* launch()
      yield* sent(app, `/${set("a=1")}`)
      const { text } = yield* app.get("/", { headers: { cookie: "mine=1" } })
      assert.strictEqual(text, "mine=1")
      assert.strictEqual(yield* sent(app), "a=1")
    })
  )

  it.effect("app 18: with cookies: false none is kept or sent, and each launch has its own", () =>
    Effect.gen(function* () {
      const none = yield* launch({ cookies: false })
      yield* sent(none, `/${set("a=1")}`)
      assert.strictEqual(yield* sent(none), "none")
      assert.deepStrictEqual(yield* none.cookies, [])
      const [one, two] = [yield* launch(), yield* launch()]
      yield* sent(one, `/${set("a=1")}`)
      assert.strictEqual(yield* sent(two), "none")
    })
  )
})
