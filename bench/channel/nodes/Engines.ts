/** The engines of the bench of several nodes. */
import * as Layer from "effect/Layer"

import type { Broadcaster } from "../../../src/channel/index.ts"
import { NatsBroadcaster } from "../../../src/channel/nats/index.ts"
import { RedisBroadcaster } from "../../../src/channel/redis/index.ts"
import type { EngineName } from "./Brokers.ts"

/** The broadcaster of a node. */
export const layerOf = (engine: EngineName, brokerPort: number): Layer.Layer<Broadcaster.Broadcaster> =>
  engine === "Redis"
    ? Layer.orDie(RedisBroadcaster.layer({ url: `redis://127.0.0.1:${brokerPort}` }))
    : Layer.orDie(NatsBroadcaster.layer({ url: `nats://127.0.0.1:${brokerPort}` }))
