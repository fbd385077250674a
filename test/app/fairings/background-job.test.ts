import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Ref, Schedule, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { backgroundJob } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import { logsOf } from "../../server/Logs.ts"

const journal = Effect.map(Ref.make<ReadonlyArray<string>>([]), (words) => ({
  note: (word: string) => Ref.update(words, (all) => [...all, word]),
  words: Ref.get(words)
}))

const shop = App.make("shop").mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))

describe("backgroundJob", () => {
  it.effect("runs concurrently with the requests from liftoff on, not at ignition, and holds no request up", () =>
    Effect.gen(function* () {
      const { note, words } = yield* journal
      const ticking = Effect.repeat(note("tick"), Schedule.spaced("1 second"))
      const ignited = yield* App.ignite(shop.attach(backgroundJob("ticker", ticking)))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* words, [])
      const app = yield* TestApp.make(ignited)
      TestApp.expect(yield* app.get("/"), { text: "open" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* words, ["tick", "tick", "tick"])
    })
  )

  it.effect(
    "is started again as the schedule says after a failure and after a defect, each logged, with a scope a run",
    () =>
      Effect.gen(function* () {
        const { note, words } = yield* journal
        const runs = yield* Ref.make(0)
        const brittle = Effect.gen(function* () {
          const run = yield* Ref.updateAndGet(runs, (n) => n + 1)
          yield* Effect.acquireRelease(note(`open ${run}`), () => note(`close ${run}`))
          return yield* [Effect.fail("unplugged"), Effect.die("cracked"), note("done")][run - 1]!
        })
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            const app = shop.attach(backgroundJob("brittle", brittle, { schedule: Schedule.spaced("3 seconds") }))
            const served = yield* TestApp.make(app)
            yield* TestClock.adjust("2 seconds")
            assert.deepStrictEqual(yield* words, ["open 1", "close 1"])
            yield* TestClock.adjust("10 seconds")
            TestApp.expect(yield* served.get("/"), { text: "open" })
          })
        )
        assert.deepStrictEqual(yield* words, ["open 1", "close 1", "open 2", "close 2", "open 3", "done", "close 3"])
        assert.deepStrictEqual(
          lines.filter(({ level }) => level === "Warn").map(({ message }) => message),
          Array(2).fill('The background job "brittle" failed')
        )
      })
  )

  it.effect("is logged as given up when its schedule is over, and the application goes on", () =>
    Effect.gen(function* () {
      const runs = yield* Ref.make(0)
      const failing = Effect.andThen(
        Ref.update(runs, (n) => n + 1),
        Effect.fail("unplugged")
      )
      const [reply, lines] = yield* logsOf(
        Effect.gen(function* () {
          const app = yield* TestApp.make(
            shop.attach(backgroundJob("failing", failing, { schedule: Schedule.recurs(2) }))
          )
          yield* TestClock.adjust("1 minute")
          return yield* app.get("/")
        })
      )
      TestApp.expect(reply, { text: "open" })
      assert.strictEqual(yield* Ref.get(runs), 3)
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "Error").map(({ message }) => message),
        ['The background job "failing" is given up: its schedule is over']
      )
    })
  )

  it.effect("waits longer each time by default, up to a minute", () =>
    Effect.gen(function* () {
      const runs = yield* Ref.make(0)
      const failing = Effect.andThen(
        Ref.update(runs, (n) => n + 1),
        Effect.fail("unplugged")
      )
      yield* TestApp.make(shop.attach(backgroundJob("failing", failing)))
      const [counts] = yield* logsOf(
        Effect.forEach([1, 2, 4, 8, 16, 32, 60, 60], (seconds) =>
          Effect.andThen(TestClock.adjust(`${seconds} seconds`), Ref.get(runs))
        )
      )
      assert.deepStrictEqual(counts, [2, 3, 4, 5, 6, 7, 8, 9])
    })
  )

  it.effect("ends by itself when it hears Shutdown, within its drain time, and the application waits for it", () =>
    Effect.gen(function* () {
      const { note, words } = yield* journal
      const listening = Effect.gen(function* () {
        yield* (yield* Shutdown.Shutdown).await
        yield* note("told")
        yield* Effect.sleep("400 millis")
        yield* note("ended")
      }).pipe(Effect.onInterrupt(() => note("interrupted")))
      const app = yield* TestApp.make(shop.attach(backgroundJob("listening", listening, { grace: "500 millis" })))
      const stop = yield* Effect.forkChild(Effect.andThen(app.terminate, note("stopped")))
      yield* TestClock.adjust("399 millis")
      assert.deepStrictEqual(yield* words, ["told"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(stop)
      assert.deepStrictEqual(yield* words, ["told", "ended", "stopped"])
    })
  )

  it.effect("is interrupted when its drain time is over, and not started again", () =>
    Effect.gen(function* () {
      const { note, words } = yield* journal
      const deaf = Effect.onInterrupt(Effect.andThen(note("run"), Effect.never), () => note("interrupted"))
      const [, lines] = yield* logsOf(
        Effect.gen(function* () {
          const app = yield* TestApp.make(shop.attach(backgroundJob("deaf", deaf, { grace: "500 millis" })))
          const stop = yield* Effect.forkChild(app.terminate)
          yield* TestClock.adjust("499 millis")
          assert.deepStrictEqual(yield* words, ["run"])
          yield* TestClock.adjust("1 millis")
          yield* Fiber.join(stop)
          yield* TestClock.adjust("1 hour")
        })
      )
      assert.deepStrictEqual(yield* words, ["run", "interrupted"])
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "Warn" || level === "Error"),
        []
      )
    })
  )

  it.effect(
    "ends at once at shutdown while it waits for its next start, and a failure then is no reason to start it",
    () =>
      Effect.gen(function* () {
        const runs = yield* Ref.make(0)
        const failing = Effect.andThen(
          Ref.update(runs, (n) => n + 1),
          Effect.fail("unplugged")
        )
        const late = Effect.gen(function* () {
          yield* (yield* Shutdown.Shutdown).await
          yield* Ref.update(runs, (n) => n + 10)
          return yield* Effect.fail("lost at the end")
        })
        yield* logsOf(
          Effect.gen(function* () {
            const app = yield* TestApp.make(
              shop
                .attach(
                  backgroundJob("failing", failing, { schedule: Schedule.spaced("1 minute"), grace: "2 seconds" })
                )
                .attach(backgroundJob("late", late, { schedule: Schedule.spaced(0), grace: "2 seconds" }))
            )
            yield* TestClock.adjust("1 second")
            yield* app.terminate
          })
        )
        assert.strictEqual(yield* Ref.get(runs), 11)
      })
  )

  it.effect("attached twice it runs twice, and each application of a process has its own", () =>
    Effect.gen(function* () {
      const { note, words } = yield* journal
      const job = backgroundJob(
        "job",
        Effect.onInterrupt(Effect.andThen(note("run"), Effect.never), () => note("end")),
        {
          grace: 0
        }
      )
      const twice = yield* TestApp.make(shop.attach(job).attach(job))
      const once = yield* TestApp.make(shop.attach(job))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* words, ["run", "run", "run"])
      const first = yield* Effect.forkChild(twice.terminate)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(first)
      assert.deepStrictEqual(yield* words, ["run", "run", "run", "end", "end"])
      const second = yield* Effect.forkChild(once.terminate)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(second)
      assert.lengthOf(yield* words, 6)
    })
  )

  it.effect("does not outlive a dropped application, or one whose launch failed", () =>
    Effect.gen(function* () {
      const { note, words } = yield* journal
      const job = backgroundJob(
        "job",
        Effect.onInterrupt(Effect.andThen(note("run"), Effect.never), () => note("end")),
        {
          grace: 0
        }
      )
      const scope = yield* Scope.make()
      yield* Scope.provide(TestApp.make(shop.attach(job)), scope)
      yield* TestClock.adjust(0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* words, ["run", "end"])

      const failing = shop
        .attach(job)
        .attach(Fairing.onLiftoff("dies", () => Effect.andThen(Effect.yieldNow, Effect.die("no"))))
      const exit = yield* Effect.forkChild(Effect.exit(Effect.scoped(TestApp.make(failing, Layer.empty))))
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(exit)))
      assert.deepStrictEqual(yield* words, ["run", "end", "run", "end"])
    })
  )
})
