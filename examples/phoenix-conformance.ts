/**
 * A server for testing any client of Phoenix Channels: it behaves as Phoenix 1.8 over WebSocket and long-poll, on the mounts `/socket`, `/short`, `/limited` and `/authtoken`.
 *
 * `npm run example examples/phoenix-conformance.ts` serves it on the port in `PORT`, 4800 by default, until it is stopped; 0 takes a free one.
 * The folder of the same name has its parts; `Server.ts` lists the mounts.
 */
import { Config, Context, Effect, Schema } from "effect"
import { App, AppConfig, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { NodeUpgrade } from "fairlead/channel/node"

import { conformance } from "./phoenix-conformance/Server.ts"

class Settings extends Context.Service<Settings, { readonly port: number }>()("phoenix-conformance/Settings") {}

const port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))

const announce = Fairing.onLiftoff("announce", ({ url }) =>
  Effect.sync(() => console.log(`Listening on ${url} until stopped`))
)

const app = App.make("phoenix-conformance")
  .configure(Settings, AppConfig.all({ port: Config.schema(port, "PORT").pipe(Config.withDefault(4800)) }))
  .manage(NodeUpgrade.layer)
  .attach(announce)
  .mount(conformance)

NodeApp.run(
  app,
  Effect.map(Settings, ({ port }) => ({ port }))
)
