/**
 * One of two processes of which one publishes to the other: `node publish.ts Fairlead|bare ENGINE BROKER_PORT`. Answers each order with the CPU time of the process so far.
 */
import { setImmediate } from "node:timers/promises"

import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { Broadcaster } from "../../../src/channel/index.ts"
import { message } from "../Contender.ts"
import { openBare } from "./Bare.ts"
import type { EngineName } from "./Brokers.ts"
import { layerOf } from "./Engines.ts"
import { envelope, kinds, topicOf } from "./Log.ts"
import type { TopicKind } from "./Log.ts"

/** Subscribes to both topics, or publishes to one, or waits until so many have come. */
export type PublishOrder =
  | { readonly _tag: "Subscribe" }
  | { readonly _tag: "Publish"; readonly kind: TopicKind; readonly count: number; readonly inFlight: number }
  | { readonly _tag: "Await"; readonly count: number }

const [contender, engine, brokerPort] = process.argv.slice(2)

let received = 0
let awaited: (() => void) | undefined
let wanted = 0
const onReceived = (): void => {
  if (++received >= wanted) awaited?.()
}

interface Work {
  readonly subscribe: (kind: TopicKind) => Promise<unknown>
  /** Publishes one after the other. */
  readonly publish: (kind: TopicKind, count: number) => Promise<unknown>
}

/** A publish that the broker does not answer is over at once: the others get their turn as often as in a server. */
const turn = 32

const bare = async (): Promise<Work> => {
  const client = await openBare(engine as EngineName, Number(brokerPort))
  return {
    subscribe: (kind) =>
      client.subscribe(kind, (text) => {
        const fields = JSON.parse(text) as ReadonlyArray<unknown>
        if (fields.length === 4) onReceived()
      }),
    publish: async (kind, count) => {
      for (let n = 1; n <= count; n++) {
        await client.publish(kind, envelope())
        if (n % turn === 0) await setImmediate()
      }
    }
  }
}

const fairlead = async (): Promise<Work> => {
  const context = await Effect.runPromise(
    Layer.buildWithScope(layerOf(engine as EngineName, Number(brokerPort)), Scope.makeUnsafe())
  )
  const run = Effect.runPromiseWith(context)
  const retention = { mode: "recoverable", maxMessages: 1000, timeToLiveMillis: 60_000, recoveryId: false } as const
  const optionsOf = (kind: TopicKind) => (kind === "recoverable" ? { retention } : {})
  const pause = Effect.promise(() => setImmediate())
  return {
    subscribe: (kind) =>
      run(
        Effect.flatMap(Broadcaster.Broadcaster, ({ subscribe }) =>
          subscribe(topicOf(kind, 0), { id: "bench", deliver: onReceived }, optionsOf(kind).retention)
        )
      ),
    publish: (kind, count) => {
      const topic = topicOf(kind, 0)
      const options = optionsOf(kind)
      return run(
        Effect.gen(function* () {
          const { publish } = yield* Broadcaster.Broadcaster
          for (let n = 1; n <= count; n++) {
            yield* publish({ topic, event: "said", payload: message }, options)
            if (n % turn === 0) yield* pause
          }
        })
      )
    }
  }
}

const work = await (contender === "bare" ? bare() : fairlead())

const obey = async (order: PublishOrder): Promise<void> => {
  switch (order._tag) {
    case "Subscribe":
      for (const kind of kinds) await work.subscribe(kind)
      return
    case "Publish": {
      const each = Math.ceil(order.count / order.inFlight)
      await Promise.all(Array.from({ length: order.inFlight }, () => work.publish(order.kind, each)))
      return
    }
    default:
      wanted = order.count
      if (received < wanted) {
        await new Promise<void>((resolve) => {
          awaited = resolve
        })
      }
      received = 0
      awaited = undefined
  }
}

// The connection of NATS does not hold the process.
process.on("disconnect", () => process.exit())
process.on("message", async (order: PublishOrder) => {
  await obey(order)
  const { system, user } = process.cpuUsage()
  process.send?.(system + user)
})
process.send?.("ready")
