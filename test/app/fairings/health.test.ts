import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Ref, Schema } from "effect"
import { TestClock } from "effect/testing"
import { App } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import * as TestApp from "fairlead/testing/app"

import { logsOf, shown } from "../../server/Logs.ts"

class Gone extends Schema.TaggedError<Gone>()("Gone", { at: Schema.String }) {}

class Database extends Context.Service<Database, { readonly ping: Effect.Effect<string, Gone> }>()("Database") {}

const pinged = health({ checks: { database: Effect.flatMap(Database, ({ ping }) => ping), cache: Effect.void } })

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

  it.effect(
    "answers 503 for a failure and for a defect, tells which check, and neither why nor to whom it is not said",
    () =>
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

  it.effect("gives a check that never ends its timeout, beside the others", () =>
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

  it.effect("answers 503 from the moment that the application is told to stop, without running a check", () =>
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

  it.effect("mounts at the paths that it is given", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(health({ ready: "/-/ready", live: "/-/live" })))
      assert.deepStrictEqual(
        yield* Effect.forEach(["/-/ready", "/-/live", "/ready", "/live"], (path) =>
          Effect.map(app.get(path), ({ status }) => status)
        ),
        [200, 200, 404, 404]
      )
    })
  )
})
