/** What tests of Harbour's parts give them. */
import { Duration, Layer, Option } from "effect"

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
    readinessDelay: Duration.zero,
    ...settings
  })
