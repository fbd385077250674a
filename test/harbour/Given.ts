/** What tests of Harbour's parts give them. */
import { Duration, Layer, Option } from "effect"
import { Persistence } from "effect/persistence"
import { SessionStore } from "fairlead/server/middleware"

import { Settings } from "../../examples/harbour/Settings.ts"

/** Settings of a Harbour for this test: what is not said is the default. */
export const given = (settings: Partial<Settings["Service"]>): Layer.Layer<Settings> =>
  Layer.succeed(Settings, {
    port: 0,
    host: "127.0.0.1",
    data: ":memory:",
    previewAllow: [],
    peers: [],
    peerListen: Option.none(),
    redis: Option.none(),
    plainHttp: false,
    readinessDelay: Duration.zero,
    ...settings
  })

/** Sessions of the page in memory. */
export const memorySessions = Layer.provide(SessionStore.layer, Persistence.layerBackingMemory)
