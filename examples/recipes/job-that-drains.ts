/** A cron job that finishes its work when the application stops. */
import { Console, Effect, Schedule } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"
import { App } from "fairlead/app"
import { backgroundJob } from "fairlead/app/fairings"
import { NodeApp } from "fairlead/app/node"

const work = Effect.andThen(Effect.sleep("50 millis"), Console.log("swept"))

/** Runs each second until the application stops. Work that has begun is not interrupted: the job ends after it. */
const sweep = Effect.gen(function* () {
  const shutdown = yield* Shutdown.Shutdown
  const stopping = Effect.as(shutdown.await, "stop")
  const everySecond = Effect.repeat(Effect.uninterruptible(work), Schedule.cron("* * * * * *"))
  yield* Effect.raceFirst(everySecond, stopping)
})

const app = App.make("jobs")
  .attach(backgroundJob("sweep", sweep, { grace: "10 seconds" }))
  .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("working")))

const program = Effect.gen(function* () {
  const { shutdown, stopped } = yield* App.Launched
  // The first run has just begun.
  yield* shutdown.notify
  yield* stopped
  yield* Console.log("stopped after the job")
})

await program.pipe(Effect.provide(NodeApp.launch(app, { port: 0, host: "127.0.0.1" })), Effect.runPromise)
