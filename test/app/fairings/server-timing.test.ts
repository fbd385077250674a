import { describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"
import { serverTiming } from "fairlead/app/fairings"
import { RequestView } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

describe("serverTiming", () => {
  it.effect(
    "measures from its own hook on, whatever later hooks make of the request, and keeps the handler's timings",
    () =>
      Effect.gen(function* () {
        const app = App.make("shop")
          .attach(serverTiming())
          .attach(
            Fairing.onRequest("rewrite", (request) =>
              Effect.as(Effect.sleep("5 millis"), RequestView.modify(request, { url: "/db" }))
            )
          )
          .mount(HttpRouter.add("GET", "/db", HttpServerResponse.empty({ headers: { "server-timing": "db;dur=3" } })))
        const server = yield* TestApp.make(app)
        const call = yield* Effect.forkChild(server.get("/anything"))
        yield* TestClock.adjust("5 millis")
        TestApp.expect(yield* Fiber.join(call), { headers: { "server-timing": "db;dur=3, total;dur=5.0" } })
      })
  )
})
