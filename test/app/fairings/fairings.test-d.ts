import { Config, Context, Effect, Schema } from "effect"
import type { Interceptor } from "fairlead"
import { App, AppConfig } from "fairlead/app"
import type { Fairing } from "fairlead/app"
import { backgroundJob, banner, configCheck, health, metrics, warmUp } from "fairlead/app/fairings"
import { NodeApp } from "fairlead/app/node"
import { describe, expectTypeOf, it } from "vitest"

class Cache extends Context.Service<Cache, { readonly fill: Effect.Effect<void, "cold"> }>()("Cache") {}
class Store extends Context.Service<Store, { readonly ping: Effect.Effect<void, "gone"> }>()("Store") {}

const fill = Effect.flatMap(Cache, ({ fill }) => fill)
const ping = Effect.flatMap(Store, ({ ping }) => ping)

describe("ready-made fairings", () => {
  it("need what their Effects need, and fail with nothing of theirs", () => {
    expectTypeOf(warmUp({ fill, ping })).toEqualTypeOf<Fairing.Fairing<never, never, Cache | Store>>()
    expectTypeOf(health({ checks: { fill, ping } })).toEqualTypeOf<Fairing.Fairing<never, never, Cache | Store>>()
    expectTypeOf(health()).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(metrics()).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(backgroundJob("job", Effect.andThen(Effect.scope, fill))).toEqualTypeOf<
      Fairing.Fairing<never, never, Cache>
    >()
    expectTypeOf(configCheck([Config.Port("PORT")], { name: "ports" })).toEqualTypeOf<
      Fairing.Fairing<never, Config.ConfigError>
    >()
    expectTypeOf(configCheck(Config.Port("PORT"), Schema.Struct({ A: Schema.String }))).toEqualTypeOf<
      Fairing.Fairing<never, Config.ConfigError>
    >()
  })

  it("leave in the needs of the app what was not provided before them", () => {
    const app = App.make("shop").attach(warmUp({ fill }))
    expectTypeOf(app).toEqualTypeOf<App.App<never, never, Cache>>()
    // @ts-expect-error Cache is still needed
    NodeApp.run(app)
  })

  it("print only what can be printed without failing", () => {
    const described = Effect.map(Store, (): Interceptor.Description => ({
      part: "server",
      name: "x",
      interceptors: []
    }))
    expectTypeOf(banner({ describe: described, note: Effect.as(Cache, "note") })).toEqualTypeOf<
      Fairing.Fairing<never, never, Store | Cache>
    >()
    expectTypeOf(banner({ describe: Effect.map(described, (one) => [one, one]) })).toEqualTypeOf<
      Fairing.Fairing<never, never, Store>
    >()
    expectTypeOf(banner({ note: "Its data is here" })).toEqualTypeOf<Fairing.Fairing>()
    // @ts-expect-error it may fail
    banner({ note: Effect.fail("no") })
    // @ts-expect-error a number is no note
    banner({ note: 7 })
    // @ts-expect-error a text is no drawing
    banner({ describe: "drawing" })
  })
})

describe("configuration", () => {
  it("has the values of its parts", () => {
    const config = AppConfig.all({ port: Config.Port("PORT"), data: Config.String("DATA") })
    expectTypeOf(config).toEqualTypeOf<Config.Config<{ readonly port: number; readonly data: string }>>()
    expectTypeOf(AppConfig.schema(Schema.Struct({ A: Schema.NumberFromString }))).toEqualTypeOf<
      Config.Config<{ readonly A: number }>
    >()
  })
})

describe("options read from the application", () => {
  class Settings extends Context.Service<Settings, { readonly port: number }>()("Settings") {}
  const shop = App.make("shop").configure(Settings, AppConfig.all({ port: Config.Port("PORT") }))

  it("need nothing but what it provides, and cannot fail", () => {
    const run = () =>
      NodeApp.run(
        shop,
        Effect.map(Settings, ({ port }) => ({ port, grace: "1 second" as const }))
      )
    expectTypeOf(run).returns.toEqualTypeOf<void>()
    // @ts-expect-error the app does not provide a Cache
    const needs = () => NodeApp.run(shop, Effect.as(Cache, { port: 1 }))
    // @ts-expect-error it may fail
    const fails = () => NodeApp.run(shop, Effect.fail("no"))
    // @ts-expect-error a port is a number
    const wrong = () => NodeApp.run(shop, Effect.as(Settings, { port: "1" }))
    expectTypeOf([needs, fails, wrong]).toBeArray()
  })
})
