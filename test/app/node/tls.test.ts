import { createServer, request } from "node:https"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"

import { certificateFor } from "../../client/node/Certificate.ts"
import { word } from "./Clients.ts"
import { launch, patient } from "./Served.ts"

/** Sends a request over TLS, to a server whose certificate nobody signed. */
const call = (port: number): Effect.Effect<readonly [number | undefined, string | undefined, string]> =>
  Effect.callback((resume) => {
    const sent = request({ host: "127.0.0.1", port, rejectUnauthorized: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("end", () => resume(Effect.succeed([response.statusCode, response.headers.connection, text])))
    })
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end()
  })

describe("an application over TLS", () => {
  it.live("app2 3.5: it serves by a server that the options make, and a stop answers what is in flight whole", () =>
    Effect.gen(function* () {
      const [began, free] = [word(), word()]
      const slow = Effect.andThen(
        Effect.andThen(began.say, free.heard),
        Effect.succeed(HttpServerResponse.text("whole"))
      )
      const app = App.make("secure").mount(HttpRouter.add("GET", "/", slow))
      const { launched, port } = yield* launch(app, {
        ...patient,
        server: () => createServer(certificateFor("localhost"))
      })
      const calling = yield* Effect.forkScoped(call(port))
      yield* began.heard
      yield* launched.shutdown.notify
      yield* free.say
      const { cut } = yield* launched.stopped
      assert.deepStrictEqual(cut, [])
      assert.deepStrictEqual(yield* Fiber.join(calling), [200, "close", "whole"])
    })
  )
})
