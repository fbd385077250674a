import { assert, it } from "@effect/vitest"
import { Effect, Exit, Tracer } from "effect"
import { HttpEffect, HttpServerResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

import { endOf, response, run } from "./Journal.ts"
import { onBothWays } from "./Suspending.ts"

const many = 20_000

onBothWays(() => {
  it.effect("server2 6.1: a tracer runs the effect of each stage in its current span", () =>
    Effect.gen(function* () {
      let current: string | undefined
      const seen: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => new Tracer.NativeSpan(options),
        context(primitive, fiber) {
          const outside = current
          current = fiber.cache.span?._tag === "Span" ? fiber.cache.span.name : undefined
          try {
            return primitive["~effect/Effect/evaluate"](fiber)
          } finally {
            current = outside
          }
        }
      })
      const note = Effect.sync(() => void seen.push(current ?? "none"))
      const app = Pipeline.make("p")
        .outer(Middleware.outer("outer", Effect.withSpan("outer")))
        .before(Middleware.before("first", Effect.withSpan(note, "first")))
        .before(Middleware.before("second", note))
        .before(Middleware.before("third", () => note))
        .handle(Effect.as(note, response("H")))
      yield* run(Effect.provideService(app, Tracer.Tracer, tracer))
      assert.deepStrictEqual(seen, ["first", "outer", "outer", "outer"])
    })
  )

  it.effect("server2 6.1: a thrown defect carries the name of its stage, an Effect or a function", () =>
    Effect.gen(function* () {
      const boom = Effect.sync(() => {
        throw new Error("boom")
      })
      const fine = Middleware.before(
        "fine",
        Effect.sync(() => {})
      )
      for (const stage of [Middleware.before("given", boom), Middleware.before("given", () => boom)]) {
        const app = Pipeline.make("p")
          .before(fine)
          .before(stage)
          .before(fine)
          .handle(response("H"))
          .catchDefect(() => response("caught"))
        assert.strictEqual(endOf(yield* run(app)), "caught")
        const exit = yield* run(Pipeline.make("p").before(fine).before(stage).handle(response("H")))
        assert(Exit.isFailure(exit))
        assert.strictEqual(Interceptor.causeOrigin(exit.cause)?.interceptor, "given")
      }
    })
  )

  it.effect("server2 6.1: 20,000 outers that pass the app on run without an overflow", () =>
    Effect.gen(function* () {
      const passing = Middleware.outer("passing", (app) => app)
      let app = Pipeline.make("deep").handle(response("H"))
      for (let count = 0; count < many; count++) app = app.outer(passing)
      assert.strictEqual(endOf(yield* run(app)), "H")
    })
  )

  it.effect("server2 1.1: a sending stage sees what a stage after a suspended one has the server change", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const noting = Middleware.sending("noting", (response) => {
        seen.push(response.headers["x-late"])
        return response
      })
      const late = HttpEffect.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, "x-late", "yes"))
      )
      const app = Pipeline.make("p")
        .sending(noting)
        .before(Middleware.before("suspended", Effect.yieldNow))
        .handle(Effect.as(late, response("H")))
      // Without a testing server, which observes the response itself.
      const handler = Pipeline.toWebHandler(app)
      yield* Effect.promise(() => handler(new Request("http://localhost/")))
      assert.deepStrictEqual(seen, ["yes"])
    })
  )
})
