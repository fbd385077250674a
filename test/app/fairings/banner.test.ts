import { assert, describe, it } from "@effect/vitest"
import { Console, Context, Effect, Layer, Logger } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { Interceptor } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { banner } from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"

const listening = (address: NetAddress.SocketAddress) =>
  Layer.succeed(HttpServer.HttpServer, HttpServer.make({ address, serve: () => Effect.void }))

const everywhere = NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 8080)
const here = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 8080)

/** What a launch prints on the console. */
const printed = <P, E>(app: App.App<P, E, never>, address: NetAddress.SocketAddress = here) =>
  Effect.gen(function* () {
    const texts: Array<string> = []
    const console: Console.Console = { ...globalThis.console, log: (text: string) => void texts.push(text) }
    const launched = Effect.scoped(Layer.build(App.launch(app, listening(address))))
    yield* Effect.provideService(Effect.provide(launched, Logger.layer([])), Console.Console, console)
    return texts
  })

describe("banner", () => {
  it.effect("prints the address, the fairings with their kinds, and the routes, once", () =>
    Effect.gen(function* () {
      const app = App.make("shop")
        .attach(Fairing.onResponse("powered", (response) => HttpServerResponse.setHeader(response, "x-by", "shop")))
        .attach(banner())
        .attach(Fairing.make("idle", {}))
        .mount(HttpRouter.add("GET", "/rooms/:room", HttpServerResponse.text("room")))
        .mount(HttpRouter.add("POST", "/rooms", HttpServerResponse.text("made")))
      assert.deepStrictEqual(yield* printed(app), [
        [
          "shop listens on http://127.0.0.1:8080",
          "fairings",
          "  powered  response",
          "  banner   liftoff",
          "  idle     ",
          "routes",
          "  GET   /rooms/:room",
          "  POST  /rooms"
        ].join("\n")
      ])
    })
  )

  it.effect("draws a pipeline before it, and adds a note after it, both from the application's services", () =>
    Effect.gen(function* () {
      class Data extends Context.Service<Data, string>()("Data") {}
      const pipeline = Pipeline.make("site")
        .handle(() => HttpServerResponse.empty())
        .after(Middleware.after("polish", (response) => response))
      const app = App.make("shop")
        .manage(Layer.succeed(Data, "here.db"))
        .attach(
          banner({
            describe: Interceptor.describe(pipeline),
            note: Effect.map(Data, (data) => `Its data is in ${data}`)
          })
        )
      const [text = ""] = yield* printed(app)
      const parts = text.split("\n\n")
      assert.deepStrictEqual([parts[0], parts[2]], [Interceptor.toText(pipeline), "Its data is in here.db"])
      assert.notInclude(text, "routes")
    })
  )

  it.effect("draws several composites, each for itself, in their order", () =>
    Effect.gen(function* () {
      const composites = [Pipeline.make("first").next(), Pipeline.make("second").next()].map(Interceptor.describe)
      const [text = ""] = yield* printed(App.make("shop").attach(banner({ describe: composites })))
      const parts = text.split("\n\n")
      assert.deepStrictEqual(parts.slice(0, 2), composites.map(Interceptor.toText))
      assert.match(parts[2] ?? "", /^shop listens on /)
    })
  )

  it.effect("shows an address that a browser can open, where it listens on all of them", () =>
    Effect.gen(function* () {
      const [text = ""] = yield* printed(App.make("shop").attach(banner()), everywhere)
      assert.match(text, /^shop listens on http:\/\/localhost:8080, and on every other address of this machine\n/)
    })
  )

  it.effect("prints by its option", () =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      const print = (text: string) => Effect.sync(() => void texts.push(text))
      assert.deepStrictEqual(yield* printed(App.make("shop").attach(banner({ print }))), [])
      assert.strictEqual(texts.length, 1)
    })
  )
})
