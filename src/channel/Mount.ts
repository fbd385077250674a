/**
 * Puts a channel server on a path of an `HttpRouter`. Internal to the channel part; public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

import * as Probe from "../core/Probe.ts"
import * as Shutdown from "../core/Shutdown.ts"
import { Broadcaster } from "./Broadcaster.ts"
import { keyOf } from "./ChannelApi.ts"
import type { HandlerValue } from "./ChannelHandler.ts"
import type { ChannelServer, ServerValue } from "./ChannelServer.ts"
import { Hub } from "./engine/Hub.ts"
import type { Handler, Settings } from "./engine/Hub.ts"
import * as Handshake from "./Handshake.ts"
import type { Origin } from "./Origin.ts"
import { Upgrade } from "./Upgrade.ts"
import { defaultLimits } from "./wire/Message.ts"

export type { Origin } from "./Origin.ts"

/**
 * Limits of each socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** How many topics a socket may have joined. Default: 100. */
  readonly maxChannels?: number
  /** How long a join may take before it is refused; a Phoenix client waits as long. Default: 10 seconds. */
  readonly joinTimeout?: Duration.Input
  /** How many messages of a socket may wait for their handlers before it is read no further. Default: 1000. */
  readonly maxPending?: number
  /** How many bytes of a socket's messages may wait for their handlers before it is read no further; of a text its length. Default: 1 MiB. */
  readonly maxPendingBytes?: number
  /** How deep the JSON of a message may be. A deeper one closes the socket with 1011. Default: 64. */
  readonly maxDepth?: number
  /** How many bytes a topic, an event and a ref may have. A longer one closes the socket with 1011. Default: 255. */
  readonly maxName?: number
  /** What an event that the channel does not define does: it is answered with an error, or it ends the channel as in Phoenix. Default: `reply`. */
  readonly unknownEvent?: "reply" | "crash"
  /** What happens to a client that does not read what it is sent, and where broadcasts are intercepted more slowly than they come. */
  readonly slowReader?: {
    /** How many messages may wait for it. Default: 1000. */
    readonly maxMessages?: number
    /** How many bytes may wait for it. Default: 1 MiB. */
    readonly maxBytes?: number
    /** What happens beyond: the socket is closed with 1013, or the oldest or newest push or broadcast is dropped. Default: `close`. */
    readonly policy?: "close" | "drop-oldest" | "drop-newest"
  }
}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Limits {
  /** Where the server is: its sockets connect to `PATH/websocket`. */
  readonly path: `/${string}`
  /** The origins whose pages may connect. Default: `host`. */
  readonly origin?: Origin
  /** Whether a token is accepted beside the parameters, as the `authToken` of a Phoenix client. Default: false. */
  readonly authToken?: boolean
  /** How long a socket may be silent before it is closed with 1002. Default: 60 seconds. */
  readonly idleTimeout?: Duration.Input
  /** The largest frame in bytes; a larger one closes the socket with 1009. Default: 1 MiB. */
  readonly maxFrame?: number
  /** How sockets are closed when the application is to stop: so many at once, with a pause in between, so that clients do not all come back at one moment. */
  readonly drain?: {
    /** Default: 1000. */
    readonly batchSize?: number
    /** Default: 100 milliseconds. */
    readonly interval?: Duration.Input
  }
}

const overflows = Metric.counter("fairlead_channel_slow_reader", {
  description: "Messages that were dropped for slow readers, by what became of the socket",
  incremental: true
})

const settingsOf = (name: string, options: Limits, context: Context.Context<never>): Settings => {
  const of = (outcome: string) => Metric.withAttributes(overflows, { server: name, outcome })
  const [dropped, closed] = [of("dropped"), of("closed")]
  const { maxBytes = 1024 * 1024, maxMessages = 1000, policy = "close" } = options.slowReader ?? {}
  return {
    maxChannels: options.maxChannels ?? 100,
    joinTimeout: Duration.toMillis(options.joinTimeout ?? "10 seconds"),
    maxPending: options.maxPending ?? 1000,
    maxPendingBytes: options.maxPendingBytes ?? 1024 * 1024,
    unknownEvent: options.unknownEvent ?? "reply",
    wire: { maxDepth: options.maxDepth ?? defaultLimits.maxDepth, maxName: options.maxName ?? defaultLimits.maxName },
    slowReader: {
      maxBytes,
      maxMessages,
      policy,
      onOverflow: (count, closes) => (closes ? closed : dropped).updateUnsafe(count, context)
    }
  }
}

/** What all sockets of a mounted server share, of what the layers gave. */
export const hubOf = <P, R>(server: ChannelServer<P, R>, options: Limits): Effect.Effect<Hub, never, Broadcaster | R> =>
  Effect.contextWith((context: Context.Context<any>) => {
    const { channels, entries, name } = server as unknown as ServerValue
    const handlers = entries.map((entry): Handler => {
      if (entry._tag === "Value") return { value: entry.handler, built: context }
      const { built, interceptor: handler } = Context.get(context, entry.key)
      return { value: { ...(handler as unknown as HandlerValue), name: entry.name }, built }
    })
    const own = {
      name,
      context,
      settings: settingsOf(name, options, context),
      channels: channels.map((compiled) => Context.get(context, keyOf(compiled))),
      broadcaster: Context.get(context, Broadcaster),
      clock: Context.get(context, Clock.Clock),
      probe: Context.get(context, Probe.Probe)
    }
    return Effect.succeed(new Hub(own, handlers))
  })

/** Closes sockets that have been silent for too long: at the earliest when the time is up, at the latest a tenth of it later. */
const sweep = (hub: Hub, timeout: number): Effect.Effect<never> =>
  Effect.forever(
    Effect.delay(
      Effect.sync(() => {
        const since = hub.clock.currentTimeMillisUnsafe() - timeout
        for (const connection of hub.connections) connection.sweep(since)
      }),
      Math.max(1, timeout / 10)
    )
  )

/** Closes all sockets, in batches, so that those who come back do not come all at once. */
const drain = (hub: Hub, batchSize: number, interval: Duration.Input): Effect.Effect<void> =>
  Effect.gen(function* () {
    hub.closed = true
    const all = Array.from(hub.connections)
    for (let start = 0; start < all.length; start += batchSize) {
      if (start > 0) yield* Effect.sleep(interval)
      for (const connection of all.slice(start, start + batchSize)) connection.drain()
    }
  })

/** Keeps a hub: its sweeper, and its end with the application. */
export const keep = (
  hub: Hub,
  options: Pick<Options, "drain" | "idleTimeout">
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { batchSize = 1000, interval = "100 millis" } = options.drain ?? {}
    const shutdown = yield* Shutdown.Shutdown
    yield* Effect.forkScoped(sweep(hub, Duration.toMillis(options.idleTimeout ?? "60 seconds")))
    yield* Effect.forkScoped(Effect.andThen(shutdown.await, drain(hub, batchSize, interval)))
    yield* Effect.addFinalizer(() => drain(hub, Infinity, 0))
  })

/**
 * Mounts a channel server on the `HttpRouter`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <P, R>(
  server: ChannelServer<P, R>,
  options: Options
): Layer.Layer<never, never, HttpRouter.HttpRouter | Broadcaster | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const router = yield* HttpRouter.HttpRouter
      const hub = yield* hubOf(server, options)
      yield* keep(hub, options)
      const handler = Handshake.make(hub, options, yield* Upgrade)
      yield* router.add("*", `${options.path.replace(/\/+$/, "") as `/${string}`}/websocket`, handler)
    })
  )
