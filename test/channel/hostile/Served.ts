/**
 * A channel server on a real socket, whose insides can be looked at.
 */
import { createServer } from "node:http"

import { NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Latch, Layer, Logger, Metric, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { Shutdown } from "fairlead"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"

import { Connection } from "../../../src/channel/engine/Connection.ts"
import type { Hub, HubSocket } from "../../../src/channel/engine/Hub.ts"
import * as Handshake from "../../../src/channel/Handshake.ts"
import { hubOf, keep } from "../../../src/channel/MountedHub.ts"
import { Upgrade } from "../../../src/channel/Upgrade.ts"

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: any, reply: any },
  incoming: {
    echo: { payload: any, reply: any },
    strict: { payload: Schema.Struct({ numbers: Schema.Array(Schema.Finite) }), reply: Schema.Finite },
    shout: { payload: any },
    stuck: { payload: any, reply: any },
    crash: {}
  },
  outgoing: { said: any, held: any }
}) {}

/** What was begun and has not ended. */
class Counts {
  sockets = 0
  members = 0
  handlers = 0
  connects = 0
  /** How often a handler began. */
  begun = 0
  fibers = 0
  /** Channels that were joined, and whose leave hook has not run. */
  joined = 0
  /** How many topics, of sockets too, have somebody who listens. */
  readonly topics = new Map<string, number>()
}

/** Counts the lanes of all sockets, of those too that are closed and still end. */
class Lanes {
  private readonly hub: Hub
  private readonly ending = new Set<Connection>()

  constructor(hub: Hub) {
    this.hub = hub
    const { sockets } = hub
    const remove = sockets.delete.bind(sockets)
    sockets.delete = (socket: HubSocket) => {
      if (socket instanceof Connection) this.ending.add(socket)
      return remove(socket)
    }
  }

  count(): number {
    let count = 0
    for (const socket of this.hub.sockets) if (socket instanceof Connection) count += socket["lanes"].size
    for (const socket of this.ending) {
      const { size } = socket["lanes"]
      count += size
      if (size === 0) this.ending.delete(socket)
    }
    return count
  }
}

const whatever = Schema.is(Schema.Struct({ stuck: Schema.Literal(true) }))

const room = (counts: Counts, gate: Latch.Latch) => {
  const held = Effect.acquireUseRelease(
    Effect.sync(() => {
      counts.handlers++
      counts.begun++
    }),
    () => gate.await,
    () => Effect.sync(() => counts.handlers--)
  )
  return Room.layer({
    join: ({ payload }) =>
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => counts.members++),
          () => Effect.sync(() => counts.members--)
        )
        if (whatever(payload)) yield* held
        return {}
      }),
    on: {
      echo: (payload) => Effect.succeed(payload),
      strict: ({ numbers }) => Effect.succeed(numbers.length),
      shout: (payload, member) => member.broadcast("said", payload),
      stuck: () => Effect.as(held, {}),
      crash: () => Effect.die(new Error("crashed as told"))
    },
    afterJoin: () => Effect.sync(() => void counts.joined++),
    leave: () => Effect.sync(() => void counts.joined--),
    intercept: { held: (payload) => Effect.as(gate.await, payload) }
  })
}

const watched = (counts: Counts, gate: Latch.Latch) =>
  ChannelHandler.make("watched", {
    connect: ({ params }) => {
      const accept = Effect.acquireRelease(
        Effect.sync(() => ChannelHandler.accept({ id: `socket:${++counts.sockets}` })),
        () => Effect.sync(() => counts.sockets--)
      )
      if (params.get("stuck") !== "true") return accept
      counts.connects++
      return Effect.andThen(
        Effect.ensuring(
          gate.await,
          Effect.sync(() => counts.connects--)
        ),
        accept
      )
    }
  })

const broadcaster = (counts: Counts) =>
  Layer.effect(
    Broadcaster.Broadcaster,
    Effect.map(Broadcaster.Broadcaster, (local) => ({
      ...local,
      subscribe(topic: string, subscriber: Broadcaster.Subscriber) {
        const { topics } = counts
        return Effect.map(local.subscribe(topic, subscriber), (unsubscribe) => {
          topics.set(topic, (topics.get(topic) ?? 0) + 1)
          return () => {
            unsubscribe()
            const left = topics.get(topic)! - 1
            if (left === 0) topics.delete(topic)
            else topics.set(topic, left)
          }
        })
      }
    }))
  ).pipe(Layer.provide(Broadcaster.layer))

export interface Served {
  readonly port: number
  readonly hub: Hub
  readonly counts: Counts
  /** How many topics its sockets are at, of the closed ones too. */
  readonly lanes: () => number
  /** Open: what is stuck goes on. */
  readonly gate: Latch.Latch
  /** The connections that the server holds. */
  readonly held: Effect.Effect<number>
  readonly publish: (message: Broadcaster.Message) => void
  /** Sends SIGTERM to this process, which stops the server as it would stop a program. */
  readonly stop: Effect.Effect<void>
  /** Closes the sockets of this id. */
  readonly disconnect: (id: string) => void
}

export interface Setting extends Partial<ChannelServer.Options> {
  readonly upgrade?: "node" | "default"
  /** How long a handshake may take, in milliseconds. */
  readonly handshake?: number
}

/** Serves until the scope ends. Sockets connect at `/socket/websocket`. */
export const serving = ({ handshake, upgrade = "node", ...options }: Setting = {}) =>
  Effect.gen(function* () {
    const counts = new Counts()
    const gate = Latch.makeUnsafe(false)
    const node = createServer({
      connectionsCheckingInterval: 20,
      ...(handshake === undefined ? {} : { headersTimeout: handshake, requestTimeout: handshake })
    })
    const found: { hub?: Hub; lanes?: Lanes } = {}
    const shutdown = yield* Shutdown.make
    const onSignal = () => void Effect.runFork(shutdown.notify)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGTERM", onSignal)),
      () => Effect.sync(() => process.off("SIGTERM", onSignal))
    )
    const server = ChannelServer.make("hostile").use(watched(counts, gate)).mount(Room)
    const mounted = Layer.effectDiscard(
      Effect.gen(function* () {
        const router = yield* HttpRouter.HttpRouter
        const hub = yield* hubOf(server, options)
        yield* keep(hub, options)
        yield* router.add(
          "*",
          "/socket/websocket",
          Handshake.make(hub, { path: "/socket", ...options }, yield* Upgrade)
        )
        found.hub = hub
        found.lanes = new Lanes(hub)
      })
    )
    const fibers = Layer.succeed(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => counts.fibers++,
      recordFiberEnd: () => counts.fibers--
    })
    const app = HttpRouter.serve(mounted, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(broadcaster(counts)),
      Layer.provide([
        room(counts, gate),
        upgrade === "node" ? NodeUpgrade.layer : Layer.empty,
        Logger.layer([]),
        Layer.succeed(Shutdown.Shutdown, shutdown),
        NodeHttpServer.layer(() => node, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 })
      ]),
      Layer.provide(fibers)
    )
    const context = yield* Layer.build(app)
    const address = node.address()
    const { hub, lanes } = found
    if (address === null || typeof address === "string" || hub === undefined || lanes === undefined) {
      throw new Error("not mounted")
    }
    return {
      port: address.port,
      hub,
      counts,
      lanes: () => lanes.count(),
      gate,
      stop: Effect.andThen(
        Effect.sync(() => process.kill(process.pid, "SIGTERM")),
        shutdown.await
      ),
      held: Effect.callback((resume) => {
        node.getConnections((_, count) => resume(Effect.succeed(count)))
      }),
      publish: (message) => void Effect.runSync(Context.get(context, Broadcaster.Broadcaster).publish(message)),
      disconnect: (id) => Effect.runSync(Effect.provide(ChannelServer.disconnect(id), context))
    } satisfies Served
  })
