import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Ref, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Shutdown } from "fairlead"
import { App } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import { settled } from "../../kit/Settling.ts"
import { logsOf, shown } from "../../server/Logs.ts"
import { writer } from "../Writer.ts"

class Gone extends Schema.TaggedError<Gone>()("Gone", { at: Schema.String }) {}

class Database extends Context.Service<Database, { readonly ping: Effect.Effect<string, Gone> }>()("Database") {}

const pinged = health({
  interval: 0,
  checks: { database: Effect.flatMap(Database, ({ ping }) => ping), cache: Effect.void }
})

const over = (ping: Effect.Effect<string, Gone>) =>
  TestApp.make(App.make("shop").manage(Layer.succeed(Database, { ping })).attach(pinged))

describe("health", () => {
  it.effect("answers 200 at /ready when every check succeeds, and at /live, neither to be kept", () =>
    Effect.gen(function* () {
      const app = yield* over(Effect.succeed("pong"))
      TestApp.expect(yield* app.get("/ready"), {
        status: 200,
        text: JSON.stringify({ status: "ready", checks: { database: "up", cache: "up" } }),
        headers: { "content-type": "application/json", "cache-control": "no-store" }
      })
      TestApp.expect(yield* app.get("/live"), { status: 200, text: JSON.stringify({ status: "live" }) })
    })
  )

  it.effect("answers 503 for a failure and for a defect, with the name of the check and without the cause", () =>
    Effect.gen(function* () {
      for (const ping of [
        Effect.fail(new Gone({ at: "secret at 10.0.0.7" })),
        Effect.die(new TypeError("secret at 10.0.0.7"))
      ]) {
        const app = yield* over(ping)
        TestApp.expect(yield* app.get("/ready"), {
          status: 503,
          text: JSON.stringify({ status: "not ready", checks: { database: "down", cache: "up" } })
        })
        TestApp.expect(yield* app.get("/live"), { status: 200 })
      }
    })
  )

  it.effect("logs a check when it turns, with the cause, and not at every look", () =>
    Effect.gen(function* () {
      const broken = yield* Ref.make(false)
      const ping = Effect.flatMap(Ref.get(broken), (is) =>
        is ? Effect.fail(new Gone({ at: "gone" })) : Effect.succeed("pong")
      )
      const [statuses, lines] = yield* logsOf(
        Effect.gen(function* () {
          const app = yield* over(ping)
          const look = Effect.map(app.get("/ready"), ({ status }) => status)
          const before = yield* look
          yield* Ref.set(broken, true)
          const meanwhile = [yield* look, yield* look]
          yield* Ref.set(broken, false)
          return [before, ...meanwhile, yield* look, yield* look]
        })
      )
      assert.deepStrictEqual(statuses, [200, 503, 503, 200, 200])
      const said = lines.filter(({ message }) => message.includes("check"))
      assert.deepStrictEqual(
        said.map(({ level, message }) => [level, message]),
        [
          ["Warn", 'The check "database" failed: the application is not ready'],
          ["Info", 'The check "database" succeeds again']
        ]
      )
      assert.include(shown(said[0]!), "Gone")
    })
  )

  it.effect("times out a check that never ends, and runs the others meanwhile", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(
        App.make("shop").attach(health({ checks: { a: Effect.never, b: Effect.never }, timeout: "300 millis" }))
      )
      const look = yield* Effect.forkChild(app.get("/ready"))
      yield* TestClock.adjust("299 millis")
      assert.isUndefined(look.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      TestApp.expect(yield* Fiber.join(look), {
        status: 503,
        text: JSON.stringify({ status: "not ready", checks: { a: "down", b: "down" } })
      })
    })
  )

  it.effect("answers 503 from the moment of a stop, without running a check", () =>
    Effect.gen(function* () {
      const checked = yield* Ref.make(0)
      const app = yield* TestApp.make(
        App.make("shop").attach(health({ checks: { count: Ref.update(checked, (n) => n + 1) } })),
        Layer.empty,
        { readinessDelay: "5 seconds" }
      )
      TestApp.expect(yield* app.get("/ready"), { status: 200 })
      const stopping = yield* Effect.forkChild(app.terminate)
      yield* TestClock.adjust("1 second")
      TestApp.expect(yield* app.get("/ready"), { status: 503, text: JSON.stringify({ status: "stopping" }) })
      TestApp.expect(yield* app.get("/live"), { status: 200 })
      assert.strictEqual(yield* Ref.get(checked), 1)
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(stopping)
    })
  )

  it.effect("app2 3.1: the timeout bounds a check that cannot be interrupted, which is not started once more", () =>
    Effect.gen(function* () {
      let started = 0
      const iron = Effect.uninterruptible(
        Effect.andThen(
          Effect.sync(() => started++),
          Effect.never
        )
      )
      const app = yield* TestApp.make(
        App.make("shop").attach(health({ interval: 0, checks: { iron }, timeout: "300 millis" }))
      )
      const look = yield* Effect.forkChild(app.get("/ready"))
      yield* settled
      yield* TestClock.adjust("300 millis")
      TestApp.expect(yield* Fiber.join(look), { status: 503 })
      TestApp.expect(yield* app.get("/ready"), { status: 503 })
      assert.strictEqual(started, 1)
    })
  )

  it.effect("app2 3.1: probes that come at once share one run, and a run serves for the interval", () =>
    Effect.gen(function* () {
      let ran = 0
      const check = Effect.andThen(
        Effect.sync(() => ran++),
        Effect.sleep("100 millis")
      )
      const app = yield* TestApp.make(App.make("shop").attach(health({ interval: "5 seconds", checks: { check } })))
      const looks = yield* Effect.forkChild(
        Effect.all([app.get("/ready"), app.get("/ready"), app.get("/ready")], { concurrency: 3 })
      )
      yield* settled
      yield* TestClock.adjust("100 millis")
      for (const reply of yield* Fiber.join(looks)) TestApp.expect(reply, { status: 200 })
      yield* app.get("/ready")
      assert.strictEqual(ran, 1)
      yield* TestClock.adjust("5 seconds")
      const later = yield* Effect.forkChild(app.get("/ready"))
      yield* settled
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(later)
      assert.strictEqual(ran, 2)
    })
  )

  it.effect("app2 3.1: a listener serves it, and not the application's own port", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(
        App.make("shop")
          .listen("admin", { port: 9090 })
          .attach(health({ listener: "admin" }))
      )
      TestApp.expect(yield* app.get("/live"), { status: 404 })
      TestApp.expect(yield* app.listener("admin").get("/live"), { status: 200 })
      TestApp.expect(yield* app.listener("admin").get("/ready"), { status: 200 })
    })
  )

  it.effect("app2 3.2: readiness is withdrawn without stopping, for as long as a scope lasts", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(health()))
      const { shutdown } = app.launched
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* shutdown.notReady
          TestApp.expect(yield* app.get("/ready"), { status: 503, text: JSON.stringify({ status: "not ready" }) })
          TestApp.expect(yield* app.get("/live"), { status: 200 })
        })
      )
      TestApp.expect(yield* app.get("/ready"), { status: 200 })
    })
  )

  it.effect("app2 3.2: the shutdown awaits work that outlives its request, and cuts it after grace by name", () =>
    Effect.gen(function* () {
      const { entries, on } = writer()
      const work = (millis: number, name: string) =>
        HttpRouter.add(
          "POST",
          `/${name}`,
          Effect.gen(function* () {
            const shutdown = yield* Shutdown.Shutdown
            yield* shutdown.drained(Effect.andThen(Effect.sleep(millis), on(name)), name)
            return HttpServerResponse.empty({ status: 202 })
          })
        )
      const app = yield* TestApp.make(App.make("shop").mount(work(1000, "mail")).mount(work(60_000, "report")))
      TestApp.expect(yield* app.post("/mail"), { status: 202 })
      TestApp.expect(yield* app.post("/report"), { status: 202 })
      const terminated = yield* Effect.forkChild(app.terminate)
      yield* TestClock.adjust("2 seconds")
      const { cut } = yield* Fiber.join(terminated)
      assert.deepStrictEqual(entries, ["mail"])
      assert.deepStrictEqual(cut, ['work in the background "report"'])
    })
  )

  it.effect("mounts at the paths of its options", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(health({ readyPath: "/-/ready", livePath: "/-/live" })))
      assert.deepStrictEqual(
        yield* Effect.forEach(["/-/ready", "/-/live", "/ready", "/live"], (path) =>
          Effect.map(app.get(path), ({ status }) => status)
        ),
        [200, 200, 404, 404]
      )
    })
  )
})
