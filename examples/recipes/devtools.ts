/** Watch every stage live in the Effect DevTools, the extension of VS Code. */
import { NodeSocketServer } from "@effect/platform-node"
import { Console, Effect, Queue, Schedule } from "effect"
import { DevTools, DevToolsServer } from "effect/devtools"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { SocketServer } from "effect/socket"
import { ProbeSpans } from "fairlead"
import { App } from "fairlead/app"
import { Middleware, Pipeline } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

const page = Pipeline.make("page")
  .before(Middleware.before("language", () => Effect.void))
  .handle(HttpServerResponse.text("Hello"))

/** An extension listens at ws://localhost:34437; leave `DevTools.layer` out of production. */
const shop = (url: string) =>
  App.make("shop")
    .manage(DevTools.layer(url))
    .manage(ProbeSpans.layer)
    .mount(HttpRouter.add("GET", "/", page))

/** A fake of the extension. */
const program = Effect.gen(function* () {
  const seen = yield* Queue.unbounded<string>()
  yield* DevToolsServer.run(({ queue }) =>
    Effect.forever(
      Effect.flatMap(Queue.take(queue), (event) =>
        event._tag === "Span" ? Queue.offer(seen, event.name) : Effect.void
      )
    )
  ).pipe(Effect.forkScoped)
  const { address } = yield* SocketServer.SocketServer
  const app = yield* TestApp.make(shop(`ws://127.0.0.1:${"port" in address ? address.port : 0}`))
  // Spans that end before the connection is there are not shown.
  yield* Effect.forkScoped(Effect.repeat(app.get("/"), Schedule.spaced("50 millis")))
  const names = new Set<string>()
  while (!names.has("page")) names.add(yield* Queue.take(seen))
  yield* Console.log(`The DevTools show: ${[...names].join(", ")}`)
})

// The scope of the shop is inside of the extension's: the shop stops first, which sends its last spans and hangs up.
const extension = NodeSocketServer.layerWebSocket({ port: 0, host: "127.0.0.1" })
await Effect.runPromise(Effect.provide(Effect.scoped(program), extension))
