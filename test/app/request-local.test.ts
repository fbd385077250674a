import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing, RequestLocal } from "fairlead/app"
import { Pipeline, RequestView } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

import { requestOf, run } from "../server/Journal.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

/** A local that gives the number of its computation. */
const counting = () => {
  const state = { computed: 0 }
  return { state, local: RequestLocal.make(Effect.sync(() => ++state.computed)) }
}

const route = <E, R>(body: Effect.Effect<unknown, E, R>) =>
  HttpRouter.add(
    "GET",
    "/",
    Effect.map(body, (value) => HttpServerResponse.text(JSON.stringify(value)))
  )

describe("RequestLocal", () => {
  it.effect("app 13: it is computed once for each request, and shared by hooks, pipeline and handler", () =>
    Effect.gen(function* () {
      const { local, state } = counting()
      const seen: Array<number> = []
      const look = Effect.map(local, (value) => void seen.push(value))
      const hooks = Fairing.make("hooks", { onRequest: () => look, onResponse: () => look })
      const served = Pipeline.make("served").handle(
        Effect.map(local, (value) => HttpServerResponse.text(`served ${value}`))
      )
      const app = yield* TestApp.make(App.make("x").attach(hooks).mount(route(local)).serve(served))
      TestApp.expect(yield* app.get("/"), { text: "1" })
      TestApp.expect(yield* app.get("/served"), { text: "served 2" })
      assert.deepStrictEqual(seen, [1, 1, 2, 2])
      assert.strictEqual(state.computed, 2)
    })
  )

  it.effect("app 13: a request that was changed on its way keeps it", () =>
    Effect.gen(function* () {
      const { local, state } = counting()
      const seen: Array<number> = []
      const app = yield* TestApp.make(
        App.make("x")
          .attach(Fairing.onRequest("first", () => Effect.map(local, (value) => void seen.push(value))))
          .attach(Fairing.onRequest("changes", (request) => RequestView.modify(request, { method: "GET", url: "/" })))
          .attach(Fairing.onRequest("modifies", (request) => request.modify({ headers: {} as never })))
          .mount(route(local))
      )
      TestApp.expect(yield* app.post("/elsewhere"), { status: 200, text: "1" })
      assert.deepStrictEqual(seen, [1])
      assert.strictEqual(state.computed, 1)
    })
  )

  it.effect("app 13: concurrent first uses in forked fibers share one computation", () =>
    Effect.gen(function* () {
      const open = yield* Deferred.make<void>()
      let computed = 0
      const local = RequestLocal.make(
        Effect.suspend(() => {
          computed++
          return Effect.as(Deferred.await(open), {})
        })
      )
      const handler = Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(local))
        yield* Effect.yieldNow
        yield* Deferred.succeed(open, undefined)
        const values = yield* Effect.forEach(fibers, Fiber.join)
        return values.every((value) => value === values[0])
      })
      const app = yield* TestApp.make(App.make("x").mount(route(handler)))
      TestApp.expect(yield* app.get("/"), { text: "true" })
      assert.strictEqual(computed, 1)
    })
  )

  it.effect("app 13: concurrent requests have each their own", () =>
    Effect.gen(function* () {
      const { local } = counting()
      const both = yield* Deferred.make<void>()
      let arrived = 0
      const meet = Effect.suspend(() => (++arrived === 2 ? Deferred.succeed(both, undefined) : Effect.void))
      const handler = Effect.gen(function* () {
        const first = yield* local
        yield* meet
        yield* Deferred.await(both)
        return [first, yield* local]
      })
      const app = yield* TestApp.make(App.make("x").mount(route(handler)))
      const replies = yield* Effect.all([app.get("/"), app.get("/")], { concurrency: 2 })
      assert.sameDeepMembers(
        replies.map((reply) => reply.json()),
        [
          [1, 1],
          [2, 2]
        ]
      )
    })
  )

  it.effect("app 13: a computation that fails, dies or is interrupted is not kept", () =>
    Effect.gen(function* () {
      const endings = [Effect.fail(new Refused()), Effect.die("x"), Effect.interrupt, Effect.succeed("kept")]
      let computed = 0
      const local = RequestLocal.make(Effect.suspend((): Effect.Effect<string, Refused> => endings[computed++]!))
      const handler = Effect.gen(function* () {
        const tags: Array<string> = []
        for (let use = 0; use < 5; use++) {
          const exit = yield* Effect.exit(local)
          tags.push(exit._tag === "Success" ? exit.value : exit.cause.reasons.map(({ _tag }) => _tag).join())
        }
        return tags
      })
      const app = yield* TestApp.make(App.make("x").mount(route(handler)))
      assert.deepStrictEqual((yield* app.get("/")).json(), ["Fail", "Die", "Interrupt", "kept", "kept"])
      assert.strictEqual(computed, 4)
    })
  )

  it.effect("app 13: a user that goes away leaves the computation to the others", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const open = yield* Deferred.make<void>()
      let computed = 0
      const local = RequestLocal.make(
        Effect.gen(function* () {
          computed++
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(open)
          return "value"
        })
      )
      const handler = Effect.gen(function* () {
        const leaves = yield* Effect.forkChild(local)
        yield* Deferred.await(begun)
        const stays = yield* Effect.forkChild(local)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(leaves)
        yield* Deferred.succeed(open, undefined)
        return [yield* Fiber.join(stays), yield* local]
      })
      const app = yield* TestApp.make(App.make("x").mount(route(handler)))
      assert.deepStrictEqual((yield* app.get("/")).json(), ["value", "value"])
      assert.strictEqual(computed, 1)
    })
  )

  it.effect("app 13: two locals of one request do not meet, and each sees the services of its first user", () =>
    Effect.gen(function* () {
      class Tenant extends Context.Service<Tenant, string>()("test/app/Tenant") {}
      const tenant = RequestLocal.make(Effect.map(Tenant, (name) => ({ name })))
      const other = RequestLocal.make(Effect.succeed("other"))
      const handler = Effect.gen(function* () {
        const first = yield* Effect.provideService(tenant, Tenant, "acme")
        return [first, yield* other, yield* Effect.provideService(tenant, Tenant, "ignored")]
      })
      const app = yield* TestApp.make(App.make("x").mount(route(handler)))
      assert.deepStrictEqual((yield* app.get("/")).json(), [{ name: "acme" }, "other", { name: "acme" }])
    })
  )

  it.live("app 13: its value is gone with the request, while the local lives on", () =>
    Effect.gen(function* () {
      const local = RequestLocal.make(Effect.sync(() => ({ big: "value" })))
      const values: Array<WeakRef<object>> = []
      const use = Effect.map(local, (value) => {
        values.push(new WeakRef(value))
        return HttpServerResponse.empty()
      })
      const held = requestOf()
      yield* run(use, held)
      for (let request = 0; request < 20; request++) yield* run(use)
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc") as () => void
      const left = () => values.filter((value) => value.deref() !== undefined).length
      // A collection may have to wait for the event loop to let go of the last request.
      for (let round = 0; round < 50 && left() > 1; round++) {
        yield* Effect.sleep("1 millis")
        collect()
      }
      assert.strictEqual(left(), 1)
      yield* run(use, held)
      assert.strictEqual(values.at(-1)?.deref(), values[0]?.deref())
    })
  )
})
