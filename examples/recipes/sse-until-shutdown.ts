/** Server-sent events that end when the application stops, instead of holding up its shutdown. */
import { Console, Effect, Fiber, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

const events = Effect.map(Shutdown.Shutdown, (shutdown) =>
  Stream.tick("20 millis").pipe(
    Stream.map(() => "data: tick\n\n"),
    Stream.interruptWhen(shutdown.await),
    Stream.concat(Stream.make("event: bye\ndata: reconnect\n\n")),
    Stream.encodeText,
    HttpServerResponse.stream,
    HttpServerResponse.setHeaders({ "content-type": "text/event-stream", "cache-control": "no-cache" })
  )
)

const app = App.make("ticker").mount(HttpRouter.add("GET", "/events", events))

const program = Effect.gen(function* () {
  const { shutdown, stopped, url } = yield* App.Launched
  const response = yield* Effect.promise(() => fetch(`${url}/events`))
  const reading = yield* Effect.forkChild(Effect.promise(() => response.text()))
  yield* Effect.sleep("100 millis")
  yield* shutdown.notify
  const text = yield* Fiber.join(reading)
  const { cut } = yield* stopped
  yield* Console.log(`The last event is "${text.trim().split("\n").at(-2)}"; requests that were cut off: ${cut.length}`)
})

await program.pipe(Effect.provide(NodeApp.launch(app, { port: 0, host: "127.0.0.1" })), Effect.runPromise)
