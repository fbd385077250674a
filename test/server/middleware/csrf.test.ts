import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { csrf } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

const done = HttpServerResponse.text("done")
const own = { host: "shop.test" }

class Guard extends Middleware.Service<Guard>()("test/Csrf", { error: Reject }) {}

const statusOf = (options: Parameters<typeof csrf>[0], headers: Record<string, string>, method = "POST") =>
  Effect.gen(function* () {
    const server = yield* TestServer.make(Pipeline.make("p").before(csrf(options)).handle(done).respond())
    return (yield* server.send(method, "/", { headers: { ...own, ...headers } })).status
  })

describe("csrf", () => {
  it.effect("lets Sec-Fetch-Site decide where a browser sends it, whatever Origin says", () =>
    Effect.gen(function* () {
      for (const [headers, status] of [
        [{ "sec-fetch-site": "same-origin" }, 200],
        [{ "sec-fetch-site": "none" }, 200],
        [{ "sec-fetch-site": "cross-site" }, 403],
        [{ "sec-fetch-site": "same-site" }, 403],
        [{ "sec-fetch-site": "cross-site", origin: "https://shop.test" }, 403],
        [{ "sec-fetch-site": "same-origin", origin: "https://other.test" }, 200],
        [{ "sec-fetch-site": "same-origin, cross-site" }, 403],
        [{ "sec-fetch-site": "" }, 403]
      ] as const) {
        assert.strictEqual(yield* statusOf({}, headers), status, JSON.stringify(headers))
      }
    })
  )

  it.effect("compares Origin with the host of the request where there is no Sec-Fetch-Site", () =>
    Effect.gen(function* () {
      for (const [origin, status] of [
        ["https://shop.test", 200],
        ["http://shop.test", 200],
        ["https://SHOP.test", 200],
        ["https://shop.test:443", 200],
        ["https://shop.test:8443", 403],
        ["https://shop.test.evil.test", 403],
        ["https://evil.test", 403],
        ["https://shop.test@evil.test", 403],
        ["https://evil.test/shop.test", 403],
        ["null", 403],
        ["", 403],
        ["shop.test", 403],
        ["https://shop.test, https://evil.test", 403]
      ] as const) {
        assert.strictEqual(yield* statusOf({}, { origin }), status, origin)
      }
      assert.strictEqual(yield* statusOf({}, { host: "shop.test:3000", origin: "http://shop.test:3000" }), 200)
    })
  )

  it.effect("admits allowed origins, and them alone, whatever Host says", () =>
    Effect.gen(function* () {
      const options = { allowedOrigins: ["https://app.test"] }
      assert.strictEqual(yield* statusOf(options, { origin: "https://app.test" }), 200)
      assert.strictEqual(yield* statusOf(options, { "sec-fetch-site": "cross-site", origin: "https://app.test" }), 200)
      assert.strictEqual(yield* statusOf(options, { origin: "http://app.test" }), 403)
      assert.strictEqual(yield* statusOf(options, { origin: "https://evil.test", host: "evil.test" }), 403)
    })
  )

  it.effect("passes requests with neither field, and safe methods from everywhere", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* statusOf({}, {}), 200)
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        assert.strictEqual(yield* statusOf({}, { "sec-fetch-site": "cross-site" }, method), 200)
      }
      for (const method of ["PUT", "PATCH", "DELETE", "PURGE"]) {
        assert.strictEqual(yield* statusOf({}, { "sec-fetch-site": "cross-site" }, method), 403)
      }
    })
  )

  it.effect("checks the GET of a WebSocket", () =>
    Effect.gen(function* () {
      const headers = { upgrade: "WebSocket", origin: "https://evil.test" }
      assert.strictEqual(yield* statusOf({}, headers, "GET"), 403)
      assert.strictEqual(yield* statusOf({}, { ...headers, origin: "https://shop.test" }, "GET"), 200)
    })
  )

  it.effect("does not look at the content type (GHSA-2234-fmw7-43wr)", () =>
    Effect.gen(function* () {
      for (const type of [
        "application/json",
        "text/plain",
        "TEXT/PLAIN; charset=x",
        "",
        "application/x-www-form-urlencoded"
      ]) {
        const headers = { "content-type": type, origin: "https://evil.test" }
        assert.strictEqual(yield* statusOf({}, headers), 403, type)
      }
    })
  )

  it.effect("no origin but the own one passes", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.webUrl(), async (url) => {
          const { origin } = new URL(url)
          const app = Pipeline.toWebHandler(Pipeline.make("p").before(csrf()).handle(done).respond())
          const { status } = await app(
            new Request("http://shop.test/", { method: "POST", headers: { ...own, origin } })
          )
          assert.strictEqual(status, new URL(origin).hostname === "shop.test" ? 200 : 403)
        }),
        { numRuns: 50 }
      )
    )
  )

  it.effect("is implemented as a Layer too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(Guard).handle(done).respond()
      const server = yield* TestServer.make(app, Guard.layer(csrf()))
      assert.strictEqual((yield* server.post("/", { headers: { "sec-fetch-site": "cross-site" } })).status, 403)
    })
  )

  it("rejects origins that it cannot read", () => {
    for (const bad of ["shop.test", "https://shop.test/path", "*", "null", "", "https://a@b.test"]) {
      assert.throws(() => csrf({ allowedOrigins: [bad] }), InvalidOption, undefined, bad)
    }
  })
})
