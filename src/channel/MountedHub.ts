/**
 * The hub of a mounted channel server, and its life. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"

import * as Composite from "../core/Composite.ts"
import { checkOptions } from "../core/Options.ts"
import * as Probe from "../core/Probe.ts"
import * as Shutdown from "../core/Shutdown.ts"
import { Broadcaster } from "./broadcaster/Contract.ts"
import { keyOf } from "./Definition.ts"
import { HandlerHooks } from "./engine/HandlerHooks.ts"
import type { Handler } from "./engine/HandlerHooks.ts"
import { Hub } from "./engine/Hub.ts"
import type { Settings } from "./engine/Settings.ts"
import type { HandlerValue } from "./HandlerValue.ts"
import type { Limits, Options } from "./MountOptions.ts"
import { Presence } from "./presence/Contract.ts"
import { NodePresence } from "./presence/NodePresence.ts"
import type { ChannelServer } from "./ServerInterface.ts"
import { valueOf } from "./ServerValue.ts"
import { defaultLimits } from "./wire/Message.ts"

const overflows = Metric.counter("fairlead.channel.dropped_messages", {
  description: "Messages that were dropped for slow readers, by the end of the socket",
  incremental: true
})

const settingsOf = (name: string, options: Limits, context: Context.Context<never>): Settings => {
  const of = (outcome: string) =>
    Metric.withAttributes(overflows, { "fairlead.composite": name, "fairlead.outcome": outcome })
  const [dropped, closed] = [of("dropped"), of("closed")]
  const check = checkOptions("ChannelServer.layer")
  const { maxBytes = 1024 * 1024, maxMessages = 1000, onOverflow: policy = "close" } = options.slowReader ?? {}
  const { handlerTimeout } = options
  return {
    maxChannels: check.integer("maxChannels", options.maxChannels ?? 100),
    joinTimeoutMillis: Duration.toMillis(check.duration("joinTimeout", options.joinTimeout ?? "10 seconds")),
    handlerTimeoutMillis:
      handlerTimeout === undefined ? undefined : Duration.toMillis(check.duration("handlerTimeout", handlerTimeout)),
    maxPendingMessages: check.integer("maxPending", options.maxPendingMessages ?? 1000),
    maxPendingBytes: check.bytes("maxPendingBytes", options.maxPendingBytes ?? 1024 * 1024),
    maxSocketPendingBytes: check.bytes("maxSocketPendingBytes", options.maxSocketPendingBytes ?? 8 * 1024 * 1024),
    maxOutgoingBytes: check.bytes("maxOutgoingBytes", options.maxOutgoingBytes ?? 256 * 1024 * 1024),
    onBusy: check.oneOf("onBusy", options.onBusy ?? "reply", ["reply", "crash"]),
    onUnknownEvent: check.oneOf("unknownEvent", options.onUnknownEvent ?? "reply", ["reply", "crash"]),
    serializers: options.serializers ?? [],
    wire: {
      maxDepth: check.integer("maxDepth", options.maxDepth ?? defaultLimits.maxDepth),
      maxName: check.integer("maxName", options.maxNameBytes ?? defaultLimits.maxName)
    },
    slowReader: {
      maxBytes: check.bytes("slowReader.maxBytes", maxBytes),
      maxMessages: check.integer("slowReader.maxMessages", maxMessages),
      onOverflow: check.oneOf("slowReader.policy", policy, ["close", "drop-oldest", "drop-newest"]),
      count: (count, closes) => (closes ? closed : dropped).updateUnsafe(count, context)
    }
  }
}

let hubs = 0

/** The state that all sockets of a mounted server share, with the services of its layers. */
export const hubOf = <P, R>(server: ChannelServer<P, R>, options: Limits): Effect.Effect<Hub, never, Broadcaster | R> =>
  Effect.gen(function* () {
    const context: Context.Context<any> = yield* Effect.context<any>()
    const random = yield* Random.nextIntBetween(0, 2 ** 31)
    const value = valueOf(server)
    const { channels, name } = value
    const bound = yield* Composite.build<HandlerValue>(value)
    const handlers = bound.map(({ interceptor, name, services }): Handler => ({
      value: { ...interceptor, name },
      services
    }))
    const clock = Context.get(context, Clock.Clock)
    const hasPresence = channels.some(({ presence }) => presence !== undefined)
    return new Hub({
      id: `${random.toString(36)}${(++hubs).toString(36)}`,
      settings: settingsOf(name, options, context),
      channels: channels.map((compiled) => Context.get(context, keyOf(compiled))),
      broadcaster: Context.get(context, Broadcaster),
      presence: hasPresence ? new NodePresence(Context.get(context, Presence), clock) : undefined,
      clock,
      hooks: new HandlerHooks(
        name,
        handlers,
        context,
        clock,
        Context.get(context, Probe.Probe),
        channels.map(({ pattern }) => pattern.text)
      )
    })
  })

/** Closes sockets that have been silent for too long: at the earliest when the time is up, at the latest a tenth of it later. */
const sweep = (hub: Hub, timeout: number): Effect.Effect<never> =>
  Effect.forever(
    Effect.delay(
      Effect.sync(() => {
        const since = hub.clock.currentTimeMillisUnsafe() - timeout
        for (const socket of hub.sockets) socket.sweep(since)
      }),
      Math.max(1, timeout / 10)
    )
  )

/** Closes all sockets, in batches, so that those who come back do not come all at once. */
const drain = (hub: Hub, batchSize: number, interval: Duration.Input): Effect.Effect<void> =>
  Effect.gen(function* () {
    hub.closed = true
    const all = Array.from(hub.sockets)
    for (let start = 0; start < all.length; start += batchSize) {
      if (start > 0) yield* Effect.sleep(interval)
      for (const socket of all.slice(start, start + batchSize)) socket.drain()
    }
  })

/** Keeps a hub: its sweeper, and the end of its sockets with the application, which waits for them within grace. */
export const keep = (
  hub: Hub,
  options: Pick<Options, "drain" | "idleTimeout">
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { batchSize = 1000, interval = "100 millis" } = options.drain ?? {}
    const shutdown = yield* Shutdown.Shutdown
    const ended = yield* Latch.make()
    let isAbandoned = false
    const abandoned = Effect.suspend(() => {
      isAbandoned = true
      return Effect.andThen(drain(hub, Infinity, 0), ended.await)
    })
    yield* Effect.forkScoped(sweep(hub, Duration.toMillis(options.idleTimeout ?? "60 seconds")))
    yield* shutdown.drained(
      Effect.onInterrupt(ended.await, () => abandoned),
      `the sockets of ${hub.name}`
    )
    yield* Effect.forkScoped(
      Effect.andThen(
        Effect.andThen(shutdown.await, drain(hub, batchSize, interval)),
        Effect.andThen(hub.idle, ended.open)
      )
    )
    // Before the services of the channels are released. An application that has waited for grace and mercy waits no longer.
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.andThen(
          drain(hub, Infinity, 0),
          Effect.suspend(() => (isAbandoned ? Effect.void : hub.idle))
        ),
        ended.open
      )
    )
  })
