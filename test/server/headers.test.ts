import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { response, run } from "./Journal.ts"

const a = Middleware.headers({ "X-A": "1", "x-both": "a" }, { name: "a" })
const b = Middleware.headers({ "x-b": "2", "x-both": "b" }, { name: "b" })

const headersOf = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>) =>
  Exit.isSuccess(exit) ? Object.fromEntries(Object.entries(exit.value.headers)) : undefined

describe("headers", () => {
  it.effect("server2 6.2: are set by lower-case name, and the later stage wins", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").handle(response("H")).after(a).after(b)
      assert.deepStrictEqual(headersOf(yield* run(app)), { trail: "H", "x-a": "1", "x-b": "2", "x-both": "b" })
    })
  )

  it.effect("server2 6.2: leave the response of the handler as it is, and that which another stage has seen", () =>
    Effect.gen(function* () {
      const given = response("H")
      let seen: HttpServerResponse.HttpServerResponse | undefined
      const look = Middleware.after("look", (response) => (seen = response))
      const app = Pipeline.make("p").handle(given).after(a).after(look).after(b)
      const exit = yield* run(app)
      assert.deepStrictEqual(Object.keys(given.headers), ["trail"])
      assert.deepStrictEqual(Object.values(seen?.headers ?? {}), ["H", "1", "a"])
      assert.strictEqual(headersOf(exit)?.["x-both"], "b")
      assert.isTrue(Exit.isSuccess(exit) && HttpServerResponse.isHttpServerResponse(exit.value))
      const again = yield* run(app)
      assert.deepStrictEqual(headersOf(again), headersOf(exit))
    })
  )

  it.effect("server2 6.2: are skipped by a failure, and reported to the Probe", () =>
    Effect.gen(function* () {
      const failing = Pipeline.make("p")
        .handle(Effect.fail("no" as const))
        .after(a)
        .catch(() => response("C"))
        .after(b)
      assert.deepStrictEqual(headersOf(yield* run(failing)), { trail: "C", "x-b": "2", "x-both": "b" })
      const server = yield* TestServer.make(failing)
      const reply = yield* server.get("/")
      assert.deepStrictEqual(TestServer.journalLines(reply.journal).slice(-1), ["after b: success"])
    })
  )

  it.effect("server2 6.2: run in a class and under a condition too", () =>
    Effect.gen(function* () {
      class Own extends Middleware.Service<Own>()("test/headers/Own", { kind: "after" }) {}
      const isRoot = ({ url }: { readonly url: string }) => url === "/"
      const app = Pipeline.make("p").handle(HttpServerResponse.empty()).after(Own).after(Middleware.when(isRoot, b))
      const server = yield* TestServer.make(app, Own.layer(a))
      const reply = yield* server.get("/")
      TestServer.expect(reply, { headers: { "x-a": "1", "x-b": "2" } })
      TestServer.expect(yield* server.get("/other"), { headers: { "x-a": "1", "x-b": undefined } })
    })
  )

  it("server2 6.2: throw InvalidOption for invalid names and values", () => {
    assert.throws(() => Middleware.headers({ "x name": "1" }), InvalidOption)
    assert.throws(() => Middleware.headers({ "x-name": "Łukasz" }), InvalidOption)
    assert.throws(() => Middleware.headers({ "x-name": "a\r\nb: c" }), InvalidOption)
  })
})
