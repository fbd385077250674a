/** The engine of a node over the broker in memory, as the Redis layer makes it over Redis. */
import { Clock, Context, Effect, Fiber, Layer, SubscriptionRef } from "effect"
import { Broadcaster, Presence } from "fairlead/channel"

import { LeasedPresence } from "../../../src/channel/nodes/LeasedPresence.ts"
import { NodeEngine } from "../../../src/channel/nodes/NodeEngine.ts"
import { NodeSurvey } from "../../../src/channel/nodes/NodeSurvey.ts"
import type { MemoryLink } from "./MemoryBroker.ts"

let incarnations = 0

/** The engine and the presence of a node. */
export const nodeOver = (link: MemoryLink) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const context = yield* Effect.context()
    const fork = (work: Effect.Effect<void>) => void Fiber.runIn(Effect.runForkWith(context)(work), scope)
    const reportDefect = (topic: string, defect: unknown) => fork(Effect.die(new Error(topic, { cause: defect })))
    const health = yield* SubscriptionRef.make<Broadcaster.Health>({ _tag: "Connected" })
    const clock = yield* Clock.Clock
    const engine = new NodeEngine({ broker: link, clock, health, checkIntervalMillis: 0, fork, reportDefect })
    const incarnation = () => `n${++incarnations}`
    const presence = new LeasedPresence({ broker: link.presence, incarnation, fork, reportDefect })
    link.listen((status) => {
      if (status._tag === "Up") fork(status.isSameRun === true ? presence.reconnected() : presence.restored())
    })
    const survey = new NodeSurvey({ engine: engine.service, presence: presence.service, id: incarnation(), fork })
    const layer = Layer.succeedContext(
      Context.make(Broadcaster.Broadcaster, survey.service).pipe(Context.add(Presence.Presence, presence.service))
    )
    return { engine, presence, survey, layer }
  })
