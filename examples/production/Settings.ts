/**
 * The settings of the shop, from `shop.toml`, a profile's section of it, `.env` and the environment; the environment wins.
 *
 * | setting | variable | default |
 * |---|---|---|
 * | where customers are served | `HOST`, `PORT` | 0.0.0.0:3000 |
 * | where the operator looks: `/live`, `/ready`, `/metrics` | `ADMIN_PORT` | 9090 |
 * | the database | `DATABASE_URL` | - |
 * | the connections to it | `DATABASE_CONNECTIONS` | 10 |
 * | the collector of OpenTelemetry | `OTLP_URL` | none: nothing is sent |
 * | how long it serves, not ready, after SIGTERM | `READINESS_DELAY` | 0 |
 * | the file, and the section whose values win | `SHOP_CONFIG`, `SHOP_PROFILE` | shop.toml, production |
 */
import { Config, Context, Effect, Schema } from "effect"
import type { Duration, Option, Redacted } from "effect"
import { AppConfig } from "fairlead/app"
import { ConfigSources } from "fairlead/app/node"

export class Settings extends Context.Service<
  Settings,
  {
    readonly host: string
    readonly port: number
    readonly adminPort: number
    readonly databaseUrl: Redacted.Redacted
    readonly databaseConnections: number
    readonly otlpUrl: Option.Option<string>
    readonly readinessDelay: Duration.Duration
  }
>()("shop/Settings") {}

const { SHOP_CONFIG: file = "shop.toml", SHOP_PROFILE: profile = "production" } = process.env

/** The layers of the configuration. */
export const sources = ConfigSources.layer({
  defaults: {
    host: "0.0.0.0",
    port: 3000,
    adminPort: 9090,
    databaseConnections: 10,
    readinessDelay: "0 seconds"
  },
  files: [file],
  profile,
  secrets: ["databaseUrl"]
})

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }, { expected: "a port from 0 to 65535" }))

/** Reads the settings. All faults are reported at once, each with its source. */
export const settings = AppConfig.all({
  host: Config.NonEmptyString("host"),
  port: Config.schema(Port, "port"),
  adminPort: Config.schema(Port, "adminPort"),
  databaseUrl: Config.Redacted("databaseUrl"),
  databaseConnections: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })),
    "databaseConnections"
  ),
  otlpUrl: Config.option(Config.NonEmptyString("otlpUrl")),
  readinessDelay: Config.Duration("readinessDelay")
})

/** How the shop listens and stops. `kubernetes.yaml` allows 30 s: more than readiness delay, grace, mercy and `force` together. */
export const listening = Effect.map(Settings, ({ host, port, readinessDelay }) => ({
  host,
  port,
  readinessDelay,
  grace: "10 seconds" as const,
  mercy: "2 seconds" as const
}))

/** Where the operator looks. */
export const adminListening = Effect.map(Settings, ({ adminPort, host }) => ({ host, port: adminPort }))
