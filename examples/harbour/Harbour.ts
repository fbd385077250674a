/**
 * Harbour, whole: an application of settings, managed services, fairings, channels and a pipeline that answers.
 *
 * Each declaration may use those before it. A test that wants another storage takes this very
 * application and overrides `SqliteStorage.layer`.
 */
import { Console, Effect, Layer, Logger, Option } from "effect"
import { RateLimiter } from "effect/persistence"
import { Interceptor } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { backgroundJob, banner, health, metrics, serverTiming } from "fairlead/app/fairings"

import { broadcaster, live, roomChannel, sockets } from "./Live.ts"
import { Messages } from "./Messages.ts"
import * as PageNetwork from "./PageNetwork.ts"
import { Pages } from "./Pages.ts"
import { Peers } from "./Peers.ts"
import { authenticateByToken, Site } from "./Pipeline.ts"
import { Previews } from "./Previews.ts"
import { list } from "./Routes.ts"
import { sessions } from "./Sessions.ts"
import { Settings, settings } from "./Settings.ts"
import * as SqliteStorage from "./SqliteStorage.ts"
import { Storage } from "./Storage.ts"
import { Tokens } from "./Tokens.ts"

/** `/ready` is 200 as long as the storage can be written and no stop was requested, `/live` always. */
const watched = health({ checks: { storage: Effect.flatMap(Storage, (storage) => storage.writable) } })

/** The value of `--peer` with which others link with this Harbour. */
const linking = Effect.map(Peers, ({ addr }) =>
  Option.match(addr, {
    onNone: () => "",
    onSome: ({ addrs, id }) =>
      `\nOther Harbours link with it by one of\n${addrs.map((address) => `  --peer ${id}@${address}`).join("\n")}`
  })
)

/** Says what was launched: the pipeline's stages, the channels, the address, the fairings, where the data is, how peers find it. */
const announced = banner({
  describe: Effect.map(Site, (site) => [Interceptor.describe(site), Interceptor.describe(live)]),
  note: Effect.gen(function* () {
    const { data } = yield* Settings
    return `Its data is in ${data}; HOST=127.0.0.1 keeps it to this machine${yield* linking}`
  }),
  print: (text) => Console.log(`${text}\n`)
})

/** A stop does not wait for unfinished previews: the next start makes them. */
const previews = backgroundJob(
  "previews",
  Effect.flatMap(Previews, ({ work }) => work),
  { grace: 0 }
)

const farewell = Fairing.onShutdown("farewell", () => Effect.log("Harbour is stopping"))

/** The service. */
export const harbour = App.make("harbour")
  .manage(Logger.layer([Logger.consoleLogFmt]))
  .configure(Settings, settings)
  .manage(SqliteStorage.layer)
  .manage(sessions)
  .manage(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
  .manage(Tokens.layer)
  .manage(PageNetwork.transport)
  .manage(Pages.layer)
  .manage(broadcaster)
  .manage(Previews.layer)
  .manage(Messages.layer)
  .manage(Peers.layer)
  .manage(roomChannel)
  .manage(authenticateByToken)
  .manage(Site.layer)
  .attach(metrics())
  .attach(serverTiming())
  .attach(watched)
  .attach(previews)
  .attach(announced)
  .attach(farewell)
  .mount(sockets)
  .serve(
    Effect.flatMap(Site, (site) => site),
    { routes: list }
  )
