import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Schema } from "effect"
import { App, AppConfig } from "fairlead/app"
import { configCheck } from "fairlead/app/fairings"

import { listed } from "../Writer.ts"

const reading = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

const failures = <P, E>(app: App.App<P, E, never>, env: Record<string, string>) =>
  Effect.map(Effect.flip(Effect.scoped(App.ignite(app))), ({ failures }) => failures).pipe(reading(env))

const Mail = Schema.Struct({
  MAIL_HOST: Schema.NonEmptyString,
  MAIL_FROM: Schema.String.check(Schema.isPattern(/@/, { expected: "a mail address" })),
  MAIL_NAME: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4)))
})

describe("configCheck", () => {
  const app = App.make("shop").attach(configCheck(Config.Port("PORT"), Mail))

  it.effect("ignites when everything is right, and provides nothing", () =>
    Effect.gen(function* () {
      const ignited = yield* App.ignite(app)
      assert.deepStrictEqual(listed(ignited.fairings), [{ name: "configCheck", kinds: ["ignite"] }])
    }).pipe(reading({ PORT: "80", MAIL_HOST: "mail", MAIL_FROM: "a@b" }))
  )

  it.effect("reports all faults of all that it checks as one error, each with its path", () =>
    Effect.gen(function* () {
      const found = yield* failures(app, { PORT: "99999", MAIL_FROM: "nobody", MAIL_NAME: "too long" })
      assert.deepStrictEqual(
        found.map(({ error, step }) => [step, error._tag]),
        [["configCheck", "ConfigError"]]
      )
      const message = String(found[0]?.error.message)
      for (const path of ["PORT", "MAIL_HOST", "MAIL_FROM", "MAIL_NAME"]) assert.include(message, `at ["${path}"]`)
      assert.include(message, "a mail address")
    })
  )

  it.effect("checks what a schema says of the whole, once each field is right", () =>
    Effect.gen(function* () {
      const range = Schema.Struct({ LOW: Schema.FiniteFromString, HIGH: Schema.FiniteFromString }).check(
        Schema.makeFilter(({ HIGH, LOW }) => LOW <= HIGH || "LOW is above HIGH")
      )
      const wrong = yield* failures(App.make("range").attach(configCheck(range)), { LOW: "2", HIGH: "1" })
      assert.include(String(wrong[0]?.error.message), "LOW is above HIGH")
    })
  )
})

describe("AppConfig.all", () => {
  class Settings extends Context.Service<Settings, { readonly port: number; readonly data: string }>()("Settings") {}
  const app = App.make("shop").configure(
    Settings,
    AppConfig.all({
      port: Config.Port("PORT").pipe(Config.withDefault(3000)),
      data: Config.NonEmptyString("DATA")
    })
  )

  it.effect("returns the values, and defaults where something may be absent", () =>
    Effect.gen(function* () {
      const config = AppConfig.all({
        port: Config.Port("PORT").pipe(Config.withDefault(3000)),
        data: Config.NonEmptyString("DATA")
      })
      assert.deepStrictEqual(yield* config, { port: 3000, data: "here" })
    }).pipe(reading({ DATA: "here" }))
  )

  it.effect("reports wrong and absent values together", () =>
    Effect.gen(function* () {
      const [failure, ...more] = yield* failures(app, { PORT: "x" })
      assert.deepStrictEqual(more, [])
      assert.strictEqual(failure?.step, "configure(Settings)")
      assert.match(String(failure?.error.message), /at \["PORT"\][^]*at \["DATA"\]/)
    })
  )

  it.effect("reports an unreadable source in place of its values", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(() =>
        Effect.fail(new ConfigProvider.SourceError({ message: "the disk is gone" }))
      )
      const error = yield* Effect.flip(
        AppConfig.all({ data: Config.String("DATA"), port: Config.Port("PORT") }).parse(broken)
      )
      assert.strictEqual(error.cause._tag, "SourceError")
    })
  )
})
