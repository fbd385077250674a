import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Config, Context, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { App, AppConfig, Fairing } from "fairlead/app"
import { ConfigSources } from "fairlead/app/node"

class Settings extends Context.Service<
  Settings,
  { readonly port: number; readonly host: string; readonly name: string; readonly url: string; readonly apiKey: string }
>()("test/Settings") {}

const settings = AppConfig.all({
  port: Config.Port("port"),
  host: Config.NonEmptyString("host"),
  name: Config.NonEmptyString("name"),
  url: Config.NonEmptyString("url").pipe(Config.nested("db")),
  apiKey: Config.NonEmptyString("apiKey")
})

/** What a configuration that fails would have been. */
const never: Settings["Service"] = { port: 0, host: "", name: "", url: "", apiKey: "" }

const files = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fairlead-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => (name: string, content: string) => {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }
)

/** The settings of an ignition, and where they came from. */
const ignited = (options: ConfigSources.Options) =>
  Effect.gen(function* () {
    let values: ReadonlyArray<ConfigSources.SourcedValue> = []
    let found: Settings["Service"] | undefined
    const inspect = Fairing.onIgnite("inspect", () =>
      Effect.gen(function* () {
        found = yield* Settings
        values = yield* Effect.flatMap(ConfigSources.ConfigValues, ({ values }) => values)
      })
    )
    const app = App.make("x").manage(ConfigSources.layer(options)).configure(Settings, settings).attach(inspect)
    yield* Effect.scoped(App.ignite(app))
    return { settings: found, values }
  })

describe("configuration in layers", () => {
  it.live("app2 3.3: defaults, files, a profile, .env, the environment and flags; each value knows its source", () =>
    Effect.gen(function* () {
      const write = yield* files
      const toml = write(
        "shop.toml",
        'port = 1\nhost = "toml"\nname = "toml"\n[db]\nurl = "toml"\n[production]\nname = "profile"\n'
      )
      const yaml = write("shop.yaml", "host: yaml\ndb:\n  url: yaml\n")
      const json = write("shop.json", '{ "db": { "url": "json" } }')
      const dotEnv = write(".env", "API_KEY=dotenv\nHOST=dotenv\n")
      const inspected = yield* ignited({
        defaults: { port: 0, host: "default", name: "default", apiKey: "default" },
        files: [toml, yaml, json, "missing.toml"],
        profile: "production",
        dotEnv,
        env: { HOST: "environment" },
        flags: { port: Option.some(8080), host: Option.none() }
      })
      assert.deepStrictEqual(inspected.settings, {
        port: 8080,
        host: "environment",
        name: "profile",
        url: "json",
        apiKey: "dotenv"
      })
      assert.deepStrictEqual(Object.fromEntries(inspected.values.map(({ path, source }) => [path, source])), {
        port: "flags",
        host: "environment",
        name: `${toml} [production]`,
        "db.url": json,
        apiKey: dotEnv
      })
      assert.strictEqual(inspected.values.find(({ path }) => path === "apiKey")?.value, "<redacted>")
    })
  )

  it.live("app2 3.3: the faults of all layers are reported at once, each with its source, and without a secret", () =>
    Effect.gen(function* () {
      const write = yield* files
      const toml = write("shop.toml", 'port = "eighty"\nhost = "toml"\n[eu.db]\nport = "far"\n')
      const short = Schema.String.check(Schema.makeFilter((text) => text.length < 5 || `${text} is too long`))
      const wrong = AppConfig.all({
        port: Config.Port("port"),
        flag: Config.Boolean("verbose"),
        apiKey: Config.schema(short, "apiKey"),
        name: Config.schema(short, "name"),
        url: Config.URL("url").pipe(Config.nested("db")),
        nested: Config.nested(AppConfig.all({ port: Config.Port("port") }), "db"),
        missing: Config.NonEmptyString("missing")
      })
      const app = App.make("x")
        .manage(
          ConfigSources.layer({
            defaults: { name: "a long name" },
            files: [toml],
            profile: "eu",
            dotEnv: write(".env", "API_KEY=hunter2hunter2\n"),
            env: { VERBOSE: "perhaps" },
            flags: { dbUrl: "nowhere" }
          })
        )
        .configure(
          Settings,
          Config.map(wrong, () => never)
        )
      const error = yield* Effect.flip(Effect.scoped(App.ignite(app)))
      const faults = error.message.match(/\S.*\n\s+at \[.*\]/g)?.map((fault) => fault.replaceAll(/\s+/g, " "))
      assert.deepStrictEqual(
        faults?.map((fault) => fault.replace(/^configure.*SchemaError\(/, "")),
        [
          `Expected a string representing a finite number (from ${toml}) at ["port"]`,
          'Expected "true" | "yes" | "on" | "1" | "y" | "false" | "no" | "off" | "0" | "n" (from environment) at ["verbose"]',
          `<redacted> is too long (from ${join(toml, "../.env")}) at ["apiKey"]`,
          'a long name is too long (from defaults) at ["name"]',
          'Expected a valid URL string (from flags) at ["db"]["url"]',
          `Expected a string representing a finite number (from ${toml} [eu]) at ["db"]["port"]`,
          'missing is not set at ["missing"]'
        ]
      )
      assert.notMatch(error.message, /hunter2/)
    })
  )

  it.live("app2 3.3: a configuration read alone names the source of its fault too", () =>
    Effect.gen(function* () {
      const sources = ConfigSources.layer({ dotEnv: false, env: { PORT: "70000" } })
      const app = App.make("x")
        .manage(sources)
        .configure(
          Settings,
          Config.map(Config.Port("port"), () => never)
        )
      const error = yield* Effect.flip(Effect.scoped(App.ignite(app)))
      assert.match(error.message, /\(from environment\)\s+at \["port"\]/)
      const unset = App.make("x").configure(
        Settings,
        Config.map(Config.Port("NO_SUCH_PORT"), () => never)
      )
      assert.match((yield* Effect.flip(Effect.scoped(App.ignite(unset)))).message, /NO_SUCH_PORT is not set/)
    })
  )

  it.live("app2 3.3: files that cannot be read or parsed are all named, and nothing that only follows from them", () =>
    Effect.gen(function* () {
      const write = yield* files
      const toml = write("broken.toml", "port = ")
      const yaml = write("broken.yaml", "a: [")
      const json = write("list.json", "[1]")
      const { failures, message } = yield* Effect.flip(
        ignited({ files: [toml, yaml, json], dotEnv: join(toml, ".."), env: {} })
      )
      for (const file of [toml, yaml, json]) assert.include(message, `The configuration file ${file} cannot be read: `)
      assert.match(message, /EISDIR/)
      assert.match(message, /list\.json cannot be read: Its content is no object/)
      assert.notMatch(message, /is not set/)
      assert.lengthOf(failures, 1)
      const one = yield* Effect.flip(ignited({ files: [toml], dotEnv: false, env: {} }))
      assert.match(one.message, /The configuration file .*broken\.toml cannot be read/)
      assert.lengthOf(one.failures, 1)
    })
  )

  it.live("app2 3.3: the values are shown without secrets, and an empty file says nothing", () =>
    Effect.gen(function* () {
      const write = yield* files
      const { settings, values } = yield* ignited({
        files: [write("empty.yaml", ""), write("empty.toml", "")],
        profile: "production",
        dotEnv: false,
        env: { PORT: "1", HOST: "h", NAME: "n", DB_URL: "postgres://ada:s3cret@db:5432/shop", API_KEY: "k3y" },
        secrets: ["name"]
      })
      assert.strictEqual(settings?.url, "postgres://ada:s3cret@db:5432/shop")
      assert.deepStrictEqual(Object.fromEntries(values.map(({ path, value }) => [path, value])), {
        port: "1",
        host: "h",
        name: "<redacted>",
        "db.url": "postgres://ada:<redacted>@db:5432/shop",
        apiKey: "<redacted>"
      })
    })
  )

  it.live(
    "app2 3.3: flags that effect/cli has parsed take precedence over the environment; missing ones leave it",
    () =>
      Effect.gen(function* () {
        const read: Array<Settings["Service"] | undefined> = []
        const command = Command.make(
          "shop",
          {
            port: Flag.Int("port").pipe(Flag.optional),
            host: Flag.String("host").pipe(Flag.optional),
            "db-url": Flag.String("db-url").pipe(Flag.optional)
          },
          (flags) =>
            Effect.gen(function* () {
              const env = { PORT: "1", HOST: "env", NAME: "n", DB_URL: "env", API_KEY: "k" }
              read.push((yield* ignited({ dotEnv: false, env, flags })).settings)
            })
        )
        const run = Command.runWith(command, { version: "1.0.0" })
        yield* Effect.provide(run(["--port", "8080", "--db-url", "flag"]), NodeServices.layer)
        assert.deepStrictEqual(read, [{ port: 8080, host: "env", name: "n", url: "flag", apiKey: "k" }])
      })
  )
})
