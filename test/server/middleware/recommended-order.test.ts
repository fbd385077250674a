import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Interceptor, InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { IdempotencyStore, recommended } from "fairlead/server/middleware"
import type { RecommendedOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

type Response = HttpServerResponse.HttpServerResponse

describe("the recommended order", () => {
  it("middleware: outers and befores are in their order, and false leaves one out", () => {
    const names = (options?: RecommendedOptions) =>
      Interceptor.describe(Pipeline.make("p").pipe(recommended(options))).interceptors.map(({ name }) => name)
    assert.deepStrictEqual(names(), [
      "requestId",
      "metrics",
      "timeouts",
      "conditional",
      "csrf",
      "bodyLimit",
      "problemDetails",
      "securityHeaders",
      "accessLog"
    ])
    const off = ["securityHeaders", "problemDetails", "accessLog", "requestId", "metrics", "timeouts", "conditional"]
    const none = Object.fromEntries([...off, "csrf", "bodyLimit"].map((name) => [name, false]))
    assert.deepStrictEqual(names(none), [])
    const all = {
      trustedProxy: { trust: ["10.0.0.0/8"] },
      cors: { allowedOrigins: "*" },
      loadShed: {},
      concurrencyLimit: {},
      requestFirewall: {},
      hostPolicy: { hosts: ["a.test"] },
      addressList: { deny: [] },
      rateLimit: { limit: 1, window: "1 second" },
      session: Middleware.before("session", () => {}),
      authentication: Middleware.before("authentication", () => {}),
      deadlineHeader: {},
      validation: Middleware.before("validation", () => {})
    } as const
    const order = [
      "trustedProxy",
      "cors",
      "loadShed",
      "deadlineHeader",
      "concurrencyLimit",
      "requestFirewall",
      "hostPolicy",
      "addressList",
      "rateLimit",
      "session",
      "authentication",
      "validation"
    ]
    assert.deepStrictEqual(names({ ...none, ...all }), order)
    assert.deepStrictEqual(names({ ...none, loadShed: {}, timeouts: {}, concurrencyLimit: {}, conditional: {} }), [
      "loadShed",
      "timeouts",
      "concurrencyLimit",
      "conditional"
    ])
    assert.deepStrictEqual(names({ ...none, loadShed: false, concurrencyLimit: false, requestFirewall: false }), [])
    assert.throws(() => recommended({ bodyLimit: { maxBytes: -1 } }), InvalidOption)
    assert.throws(() => recommended({ idempotencyKey: { user: () => "ann", methods: [] } }), InvalidOption)
  })

  it.effect(
    "middleware: idempotencyKey and methodNotAllowed are around the handler, outside of the arounds of handle",
    () =>
      Effect.gen(function* () {
        const routes = yield* Pipeline.routes(HttpRouter.add("POST", "/pay", HttpServerResponse.text("paid")))
        let runs = 0
        const count = Middleware.around("count", <E, R>(app: Effect.Effect<Response, E, R>) =>
          Effect.suspend(() => {
            runs++
            return app
          })
        )
        const preset = recommended({
          idempotencyKey: { user: () => "ann" },
          methodNotAllowed: { answersOptions: false }
        })
        const app = Pipeline.make("p").pipe(preset).handle(routes, count)
        const handler = Interceptor.describe(app).interceptors.find(({ kind }) => kind === "handle")
        assert.deepStrictEqual(
          handler?.inner?.map(({ name }) => name),
          ["idempotencyKey", "methodNotAllowed", "count"]
        )
        const server = yield* TestServer.make(app.respond(), IdempotencyStore.layerMemory)
        const pay = () => server.post("/pay", { headers: { "idempotency-key": '"k"' } })
        const replies = [yield* pay(), yield* pay()]
        assert.deepStrictEqual([replies.map(({ text }) => text), runs], [["paid", "paid"], 1])
        assert.strictEqual(replies[1]!.headers.get("idempotency-replayed"), "true")
        const wrong = yield* server.get("/pay")
        assert.deepStrictEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"])
        runs = 0
        // Around the rest of an app too, and routes that nobody knows are refused.
        const next = Pipeline.wrap(
          Pipeline.make("p")
            .pipe(recommended({ idempotencyKey: { user: () => "ann" } }))
            .next()
            .respond()
        )
        const rest = yield* TestServer.make(
          next(Effect.sync(() => HttpServerResponse.text(`run ${runs++}`))),
          IdempotencyStore.layerMemory
        )
        const send = () => rest.post("/", { headers: { "idempotency-key": '"k"' } })
        assert.deepStrictEqual([(yield* send()).text, (yield* send()).text], ["run 0", "run 0"])
        const open = Pipeline.make("p").pipe(recommended({ methodNotAllowed: {} }))
        assert.throws(() => open.handle(HttpServerResponse.text("ok")), InvalidOption)
        assert.throws(() => open.next(), InvalidOption)
      })
  )
})
