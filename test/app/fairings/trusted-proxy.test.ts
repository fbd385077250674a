import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { trustedProxy } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

const seen = Effect.map(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
  HttpServerResponse.text(Option.getOrElse(remoteAddress, () => "unknown"))
)

describe("trustedProxy", () => {
  it.effect("changes the request before routing", () =>
    Effect.gen(function* () {
      const app = App.make("shop")
        .attach(trustedProxy({ trust: ["10.0.0.0/8"] }))
        .mount(HttpRouter.add("GET", "/", seen))
      const server = yield* TestApp.make(app)
      const headers = { "x-forwarded-for": "6.6.6.6, 203.0.113.7" }
      assert.strictEqual((yield* server.get("/", { headers, remoteAddress: "10.1.2.3" })).text, "203.0.113.7")
      assert.strictEqual((yield* server.get("/", { headers, remoteAddress: "198.51.100.1" })).text, "198.51.100.1")
    })
  )
})
