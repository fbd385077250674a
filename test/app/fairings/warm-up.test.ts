import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"
import { warmUp, WarmUpFailed } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import { logsOf, shown } from "../../server/Logs.ts"

describe("warmUp", () => {
  it.effect("runs its Effects concurrently, and the application serves when all have ended", () =>
    Effect.gen(function* () {
      const met = yield* Deferred.make<void>()
      // Each waits for the other: one by one they would never end.
      const app = App.make("shop")
        .attach(warmUp({ first: Deferred.await(met), second: Deferred.succeed(met, undefined) }))
        .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))
      TestApp.expect(yield* (yield* TestApp.make(app)).get("/"), { text: "open" })
    })
  )

  it.effect("logs by name what failed, died or took too long, and serves all the same", () =>
    Effect.gen(function* () {
      const [reply, lines] = yield* logsOf(
        Effect.gen(function* () {
          const app = App.make("shop")
            .attach(
              warmUp(
                { fine: Effect.void, fails: Effect.fail("no route"), dies: Effect.die("cracked"), hangs: Effect.never },
                { timeout: "2 seconds" }
              )
            )
            .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))
          const launch = yield* Effect.forkScoped(TestApp.make(app))
          yield* TestClock.adjust("1999 millis")
          assert.isUndefined(launch.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          return yield* (yield* Fiber.join(launch)).get("/")
        })
      )
      TestApp.expect(reply, { text: "open" })
      const warnings = lines.filter(({ level }) => level === "Warn")
      assert.sameMembers(
        warnings.map(({ message }) => message),
        ["fails", "dies", "hangs"].map((name) => `Warming up "${name}" failed`)
      )
      assert.match(warnings.map(shown).join(), /no route[^]*cracked|cracked[^]*no route/)
    })
  )

  it.effect("fails the launch when it is fatal, once all have ended, and shutdown runs", () =>
    Effect.gen(function* () {
      const journal = yield* Ref.make<ReadonlyArray<string>>([])
      const note = (word: string) => Ref.update(journal, (words) => [...words, word])
      const app = App.make("shop")
        .attach(
          warmUp(
            { broken: Effect.fail("no"), slow: Effect.andThen(Effect.sleep("1 second"), note("slow ended")) },
            { onFailure: "fail" }
          )
        )
        .attach(Fairing.onShutdown("closing", () => note("shutdown")))
      const launch = yield* Effect.forkScoped(Effect.exit(TestApp.make(app, Layer.empty)))
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.join(launch)
      assert.isTrue(Exit.isFailure(exit))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, WarmUpFailed)
      assert.deepStrictEqual(defect.names, ["broken"])
      assert.deepStrictEqual(yield* Ref.get(journal), ["slow ended", "shutdown"])
    })
  )
})
