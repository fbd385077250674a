/** Ready-made fairings with state survive an interruption at every operation. */
import { assert } from "@effect/vitest"
import { Effect, Logger, Metric } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import type { Fairing } from "fairlead/app"
import { backgroundJob, health, metrics } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import { sweeps } from "../kit/Sweeping.ts"

const hello = HttpRouter.add("GET", "/", Effect.as(Effect.yieldNow, HttpServerResponse.text("hello")))
const quiet = Effect.provide(Logger.layer([]))
const appWith = (fairing: Fairing.Fairing) => App.make("x").attach(fairing).mount(hello)

/** An application's life, from ignition to its end. */
const live = (app: ReturnType<typeof appWith>) => quiet(Effect.flatMap(TestApp.make(app), ({ terminate }) => terminate))

sweeps("app backgroundJob", {
  make: Effect.sync(() => {
    const jobs = { running: 0 }
    const job = Effect.acquireUseRelease(
      Effect.sync(() => jobs.running++),
      () => Effect.never,
      () => Effect.sync(() => jobs.running--)
    )
    return { jobs, app: appWith(backgroundJob("job", job, { grace: 0 })) }
  }),
  call: ({ app }) => live(app),
  after: ({ jobs }) => Effect.sync(() => jobs.running === 0)
})

sweeps("app health", {
  make: Effect.gen(function* () {
    let well = true
    const store = Effect.flatMap(Effect.yieldNow, () => (well ? Effect.void : Effect.fail("down")))
    const app = yield* TestApp.make(appWith(health({ checks: { store }, interval: 0 })))
    return { app, fall: () => void (well = false) }
  }).pipe(quiet),
  call: ({ app }) => quiet(app.get("/ready")),
  after: ({ app, fall }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* app.get("/ready")).status, 200)
      fall()
      assert.strictEqual((yield* app.get("/ready")).status, 503)
    }).pipe(quiet)
})

sweeps("app metrics", {
  make: Effect.gen(function* () {
    const registry = new Map()
    const measured = Effect.provideService(Metric.MetricRegistry, registry)
    const app = yield* measured(TestApp.make(appWith(metrics())))
    const active = measured(
      Effect.map(Metric.snapshot, (all) => all.filter(({ id }) => id === "http.server.active_requests"))
    )
    return { app, measured, active }
  }).pipe(quiet),
  call: ({ app, measured }) => quiet(measured(app.get("/"))),
  after: ({ active, app, measured }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* measured(app.get("/"))).status, 200)
      const values = (yield* active).map(({ state }) => (state as Metric.GaugeState<number>).value)
      assert.deepStrictEqual(values, [0])
    }).pipe(quiet)
})
