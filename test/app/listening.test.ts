import { assert, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { listens } from "../../src/app/node/Failures.ts"
import { logsOf } from "../server/Logs.ts"

class Settings extends Context.Service<Settings, { readonly host: string }>()("Settings") {}

it.live("app: its address may come from the application's services, once it has ignited", () =>
  Effect.gen(function* () {
    const app = App.make("shop")
      .configure(Settings, Config.all({ host: Config.String("HOST") }))
      .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))
    const listening = Effect.map(Settings, ({ host }) => ({ host, port: 0 }))
    const { url } = Context.get(yield* Layer.build(NodeApp.launch(app, listening)), App.Launched)
    assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.strictEqual(yield* Effect.promise(async () => (await fetch(url!)).text()), "open")
  }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { HOST: "127.0.0.1" } })))
)

it.live.each([
  ["every address by default", {}],
  ["every IPv4 address", { host: "0.0.0.0" }],
  ["every IPv6 address", { host: "::" }]
] as const)("app: on %s, hooks, the launch and the log have a URL that can be opened", ([, on]) =>
  Effect.gen(function* () {
    const urls: Array<string> = []
    const app = App.make("shop")
      .listen("admin", { port: 0, ...on }, HttpRouter.add("GET", "/", HttpServerResponse.text("admin")))
      .attach(
        Fairing.onLiftoff("noted", ({ listeners, url }) =>
          Effect.sync(() => void urls.push(url, ...listeners.map(({ url }) => url)))
        )
      )
      .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))
    const launched = Context.get(yield* Layer.build(NodeApp.launch(app, { port: 0, ...on })), App.Launched)
    const [, lines] = yield* logsOf(listens(launched))
    assert.strictEqual(launched.url, urls[0])
    for (const url of urls) assert.match(url, /^http:\/\/localhost:\d+$/)
    const texts = yield* Effect.promise(() => Promise.all(urls.map(async (url) => (await fetch(url)).text())))
    assert.deepStrictEqual(texts, ["open", "admin"])
    assert.include(
      lines.map(({ message }) => message),
      `The app "shop" listens on ${urls[0]} (every address), "admin" on ${urls[1]} (every address)`
    )
  })
)
