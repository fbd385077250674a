import { assert, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

class Settings extends Context.Service<Settings, { readonly host: string }>()("Settings") {}

it.live("app: where it listens may be read from what the application provides, once it has ignited", () =>
  Effect.gen(function* () {
    const app = App.make("shop")
      .configure(Settings, Config.all({ host: Config.String("HOST") }))
      .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))
    const listening = Effect.map(Settings, ({ host }) => ({ host, port: 0 }))
    const { address } = Context.get(yield* Layer.build(NodeApp.launch(app, listening)), App.Launched)
    const url = HttpServer.formatAddress(address!)
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.strictEqual(yield* Effect.promise(async () => (await fetch(url)).text()), "open")
  }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { HOST: "127.0.0.1" } })))
)
