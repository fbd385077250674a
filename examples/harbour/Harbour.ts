/**
 * Harbour, whole: an application of settings, managed services, fairings, channels and a pipeline that answers.
 *
 * What is declared earlier is there for what is declared later. A test that wants another storage takes this very
 * application and overrides `SqliteStorage.layer`.
 */
import { Console, Effect, Logger, Option } from "effect"
import { App, Fairing } from "fairlead/app"
import { backgroundJob, banner, health, requestTimer } from "fairlead/app/fairings"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { Pipeline } from "fairlead/server"

import { live, roomChannel, socketPath, sockets } from "./Live.ts"
import { Messages } from "./Messages.ts"
import * as PageNetwork from "./PageNetwork.ts"
import { Pages } from "./Pages.ts"
import { Peers } from "./Peers.ts"
import { authenticateByToken, pathOf, Site } from "./Pipeline.ts"
import { Previews } from "./Previews.ts"
import { patternOf } from "./Routes.ts"
import { Settings, settings } from "./Settings.ts"
import * as SqliteStorage from "./SqliteStorage.ts"
import { Storage } from "./Storage.ts"
import { Tokens } from "./Tokens.ts"

/** `/ready` is 200 as long as the storage answers and nobody has told Harbour to stop, `/live` always. */
const watched = health({ checks: { storage: Effect.flatMap(Storage, (storage) => storage.rooms({ limit: 1 })) } })

/** The header `Server-Timing`, and a histogram. The handler runs in a fiber of its own, for its deadline: so the router's pattern is asked for. A socket lasts as long as it is open. */
const timed = requestTimer({ route: ({ url }) => (pathOf(url) === socketPath ? socketPath : patternOf(url)) })

/** What others give to `--peer` to link with this Harbour. */
const linking = Effect.map(Peers, ({ addr }) =>
  Option.match(addr, {
    onNone: () => "",
    onSome: ({ addrs, id }) =>
      `\nOther Harbours link with it by one of\n${addrs.map((address) => `  --peer ${id}@${address}`).join("\n")}`
  })
)

/** Says what was launched: the pipeline's stages, the channels, the address, the fairings, where the data is, how peers find it. */
const announced = banner({
  drawing: Effect.map(Site, (site) => [Pipeline.describe(site), ChannelServer.describe(live)]),
  note: Effect.gen(function* () {
    const { data } = yield* Settings
    return `Its data is in ${data}; HOST=127.0.0.1 keeps it to this machine${yield* linking}`
  }),
  print: (text) => Console.log(`${text}\n`)
})

/** Previews that are under way when Harbour stops are not waited for: the next start makes them. */
const previews = backgroundJob(
  "previews",
  Effect.flatMap(Previews, ({ work }) => work),
  { drain: 0 }
)

const farewell = Fairing.onShutdown("farewell", () => Effect.log("Harbour is stopping"))

/** The service. */
export const harbour = App.make("harbour")
  .manage(Logger.layer([Logger.consoleLogFmt]))
  .configure(Settings, settings)
  .manage(SqliteStorage.layer)
  .manage(Tokens.layer)
  .manage(PageNetwork.transport)
  .manage(Pages.layer)
  .manage(Broadcaster.layer)
  .manage(Previews.layer)
  .manage(Messages.layer)
  .manage(Peers.layer)
  .manage(roomChannel)
  .manage(authenticateByToken)
  .manage(Site.layer)
  .attach(timed)
  .attach(watched)
  .attach(previews)
  .attach(announced)
  .attach(farewell)
  .mount(sockets)
  .serve(Effect.flatMap(Site, (site) => site))
