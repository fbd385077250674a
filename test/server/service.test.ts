// @effect-diagnostics missingEffectContext:off
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import type { Request } from "../../src/server/HttpTypes.ts"
import { endOf, Name, Place, Red, requestOf, response, run } from "./Journal.ts"

class WhoAmI extends Middleware.Service<WhoAmI>()("test/WhoAmI", { provides: Name, error: Red }) {}
class Gate extends Middleware.Service<Gate>()("test/Gate") {}
class Resident extends Middleware.Service<Resident>()("test/Resident", { provides: Name, requires: [Place] }) {}

const app = Pipeline.make("p")
  .before(WhoAmI)
  .handle(Effect.map(Name, (name) => response(name)))

/** A place that says how often its layer was built. */
const counted = () => {
  let built = 0
  return Layer.effect(
    Place,
    Effect.sync(() => `place ${++built}`)
  )
}

const place = Effect.map(Place, (place) => place)

const named = <const A extends string | Effect.Effect<string, any, any>>(run: A | ((request: Request) => A)) =>
  Middleware.before("implementation", Name, run)

describe("Middleware.Service", () => {
  it.effect("server 3: the class is a stage, and another layer swaps what it does", () =>
    Effect.gen(function* () {
      const url = Effect.map(HttpServerRequest.HttpServerRequest, (request) => request.url)
      const layers = {
        "/ada": WhoAmI.layer(named(url)),
        function: WhoAmI.layer(named(() => "function")),
        "function of /ada": WhoAmI.layer(named((request) => Effect.succeed(`function of ${request.url}`))),
        "suspended /ada": WhoAmI.layer(
          named(
            Effect.andThen(
              Effect.yieldNow,
              Effect.map(url, (url) => `suspended ${url}`)
            )
          )
        ),
        exit: WhoAmI.layer(named(() => Exit.succeed("exit")))
      }
      for (const [expected, layer] of Object.entries(layers)) {
        assert.strictEqual(endOf(yield* Effect.provide(run(app, requestOf("/ada")), layer)), expected)
      }
    })
  )

  it.effect("server 3: its errors are in the flow, by identity", () =>
    Effect.gen(function* () {
      const red = new Red({ by: "WhoAmI" })
      for (const layer of [
        WhoAmI.layer(named(Effect.fail(red))),
        WhoAmI.layer(named(() => Exit.fail(red))),
        WhoAmI.layer(named(() => Effect.andThen(Effect.yieldNow, Effect.fail(red))))
      ]) {
        assert.strictEqual(endOf(yield* Effect.provide(run(app), layer)), red)
        const recovered = app.catchTag("Red", (error) => response(`C ${error === red}`))
        assert.strictEqual(endOf(yield* Effect.provide(run(recovered), layer)), "C true")
      }
    })
  )

  it.effect("server 3: one that provides nothing lets the request through, or stops it", () =>
    Effect.gen(function* () {
      const guarded = Pipeline.make("p").before(Gate).handle(response("H"))
      let passed = 0
      assert.strictEqual(
        endOf(yield* Effect.provide(run(guarded), Gate.layer(Middleware.before("count", () => void passed++)))),
        "H"
      )
      assert.strictEqual(passed, 1)
      const broken = Gate.layer(Middleware.before("shut", () => Effect.die("shut")))
      assert.strictEqual(endOf(yield* Effect.provide(run(guarded), broken)), "shut")
    })
  )

  it.effect("server 3: the needs of the implementation are taken once, when its layer is built", () =>
    Effect.gen(function* () {
      const layer = Layer.provide(WhoAmI.layer(named(place)), counted())
      const context = yield* Layer.build(layer)
      for (let request = 0; request < 3; request++) {
        assert.strictEqual(endOf(yield* Effect.provide(run(app), context)), "place 1")
      }
    })
  )

  it.effect("server 3: layerEffect makes something once for all requests", () =>
    Effect.gen(function* () {
      let made = 0
      const layer = Layer.provide(
        WhoAmI.layerEffect(
          Effect.map(Place, (place) => {
            const prepared = `prepared ${++made} in ${place}`
            return named(() => prepared)
          })
        ),
        counted()
      )
      const context = yield* Layer.build(layer)
      for (let request = 0; request < 3; request++) {
        assert.strictEqual(endOf(yield* Effect.provide(run(app), context)), "prepared 1 in place 1")
      }
    })
  )

  it.effect("server 3: layerEffect may fail to build, and keeps what it acquired until its scope ends", () =>
    Effect.gen(function* () {
      const entries: Array<string> = []
      const acquired = WhoAmI.layerEffect(
        Effect.acquireRelease(
          Effect.sync(() => {
            entries.push("acquired")
            return named(() => "Ada")
          }),
          () => Effect.sync(() => entries.push("released"))
        )
      )
      assert.strictEqual(endOf(yield* Effect.provide(run(app), acquired)), "Ada")
      assert.deepStrictEqual(entries, ["acquired", "released"])
      const failing = WhoAmI.layerEffect(
        Effect.as(
          Effect.fail("no database"),
          named(() => "Ada")
        )
      )
      assert.strictEqual(yield* Effect.flip(Effect.scoped(Layer.build(failing))), "no database")
    })
  )

  it.effect("server 3: services of the build win over those of the request", () =>
    Effect.gen(function* () {
      const inPlace = Pipeline.make("p")
        .before(Middleware.before("B1", Place, () => "own"))
        .before(WhoAmI)
        .handle(Effect.map(Name, (name) => response(name)))
      const layer = Layer.provide(
        WhoAmI.layer(named(Effect.andThen(Effect.yieldNow, place))),
        Layer.succeed(Place, "built")
      )
      assert.strictEqual(endOf(yield* Effect.provide(run(inPlace), layer)), "built")
      assert.strictEqual(endOf(yield* Effect.provide(run(app), layer)), "built")
    })
  )

  it.effect("server 3: its requirements of earlier stages are the request's own, each time", () =>
    Effect.gen(function* () {
      const pipeline = Pipeline.make("p")
        .before(Middleware.before("B1", Place, (request) => request.url))
        .before(Resident)
        .handle(Effect.map(Name, (name) => response(name)))
      const context = yield* Layer.build(Resident.layer(named(Effect.map(Place, (place) => `of ${place}`))))
      for (const url of ["/a", "/b"]) {
        assert.strictEqual(endOf(yield* Effect.provide(run(pipeline, requestOf(url)), context)), `of ${url}`)
      }
    })
  )

  it.effect("server 3: without an implementation the pipeline dies, and says which service is missing", () =>
    Effect.gen(function* () {
      // @ts-expect-error WhoAmI is needed
      const missing: Effect.Effect<Exit.Exit<ReturnType<typeof response>, Red>> = run(app)
      assert.match(String(endOf(yield* missing)), /Service not found: test\/WhoAmI/)
    })
  )
})
