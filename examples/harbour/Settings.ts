/**
 * Harbour's settings, from the environment:
 *
 * - `PORT`: the TCP port, 3000 by default; 0 takes a free one, which is then printed.
 * - `HOST`: the address to listen on, 0.0.0.0 by default, so that Harbour can be reached from outside the container
 *   it runs in. `HOST=127.0.0.1` keeps it to this machine.
 * - `HARBOUR_DATA`: the database file, ./harbour-data/harbour.db by default; its folder is created.
 * - `HARBOUR_PREVIEW_ALLOW`: origins that links may lead to although they are not public, such as
 *   `http://wiki.internal:8080,http://127.0.0.1:9000`; none by default.
 * - `READINESS_DELAY`: how long Harbour serves on, with `/ready` at 503, once it was told to stop, such as `5 seconds`;
 *   0 by default, since a load balancer is needed for it to be of use. Stopping takes that much longer.
 *
 * All that is wrong with them is reported at once, before anything is opened or bound.
 */
import { Config, Context, Duration, Effect, Schema } from "effect"
import { Configuration } from "fairlead/app"

/** Where Harbour listens, where it keeps its data, and where its previews may come from. */
export class Settings extends Context.Service<
  Settings,
  {
    readonly port: number
    readonly host: string
    readonly data: string
    readonly previewAllow: ReadonlyArray<string>
    readonly readinessDelay: Duration.Duration
  }
>()("harbour/Settings") {}

const isOrigin = (text: string): boolean => /^https?:/.test(text) && URL.parse(text)?.origin === text

/** Reads the settings from the environment. */
export const settings = Configuration.all({
  port: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }, { expected: "a port from 0 to 65535" })),
    "PORT"
  ).pipe(Config.withDefault(3000)),
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("0.0.0.0")),
  data: Config.schema(
    Schema.String.check(Schema.isPattern(/[^/]$/, { expected: "the path of a file, not of a folder" })),
    "HARBOUR_DATA"
  ).pipe(Config.withDefault("./harbour-data/harbour.db")),
  previewAllow: Config.Array(
    Schema.Trim.check(
      Schema.makeFilter(
        (text) => isOrigin(text) || "an origin: scheme, host and port only, like http://wiki.internal:8080"
      )
    ),
    "HARBOUR_PREVIEW_ALLOW"
  ).pipe(Config.withDefault([])),
  readinessDelay: Config.Duration("READINESS_DELAY").pipe(Config.withDefault(Duration.zero))
})

/** How Harbour listens, and how it stops: well within the 5 s that whoever stops it may allow. */
export const listening = Effect.map(Settings, ({ host, port, readinessDelay }) => ({
  host,
  port,
  readinessDelay,
  grace: "3 seconds" as const,
  mercy: "1 second" as const
}))
