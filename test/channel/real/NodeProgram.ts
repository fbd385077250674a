/** One of several nodes of a chat as a process: `node NodeProgram.ts redis|nats BROKER_PORT`. Prints its port; a line on stdin is answered with how many broadcasts it has sent. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"

import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Metric, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { metrics } from "fairlead/channel/handlers"
import { NatsBroadcaster } from "fairlead/channel/nats"
import { NodeUpgrade } from "fairlead/channel/node"
import { RedisBroadcaster } from "fairlead/channel/redis"

const [, , kind = "", brokerPort = ""] = process.argv

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: ChannelApi.AnyPayload },
  incoming: { publish: { payload: Schema.Finite, reply: Schema.NullOr(Schema.String) } },
  outgoing: { said: Schema.Struct({ n: Schema.Finite }) },
  retention: ChannelApi.recoverable({ maxMessages: 5000, timeToLive: "10 minutes" })
}) {}

class Fresh extends ChannelApi.make("fresh:{id}", {
  outgoing: { said: Schema.Finite },
  incoming: { say: { payload: Schema.Struct({ topic: Schema.String, n: Schema.Finite }), reply: Schema.Null } }
}) {}

const channels = Layer.mergeAll(
  Room.layer({
    join: () => Effect.void,
    on: {
      // The position, or nothing where the outcome is unknown.
      publish: (n, room) =>
        Effect.match(room.publish("said", { n }), {
          onFailure: () => null,
          onSuccess: (position) => (position === undefined ? null : Broadcaster.formatPosition(position))
        })
    }
  }),
  Fresh.layer({
    join: () => Effect.void,
    on: { say: ({ n, topic }) => Effect.as(Broadcaster.broadcast(topic, "said", n), null) }
  })
)

const engine =
  kind === "redis"
    ? RedisBroadcaster.layer({ url: `redis://127.0.0.1:${brokerPort}` })
    : NatsBroadcaster.layer({ url: `nats://127.0.0.1:${brokerPort}` })

const http = createServer()
const program = Layer.build(
  HttpRouter.serve(
    ChannelServer.layer(ChannelServer.make("nodes").use(metrics()).mount(Room, Fresh), { path: "/socket" }),
    {
      disableLogger: true,
      disableListenLog: true
    }
  ).pipe(
    Layer.provide(channels),
    Layer.provide([NodeUpgrade.layer, engine]),
    Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }))
  )
)

const sent = Effect.map(Metric.snapshot, (all) => {
  let count = 0
  for (const { attributes, id, state } of all) {
    const isSent = attributes?.["fairlead.channel.message_kind"] === "broadcast"
    if (id === "fairlead.channel.messages" && isSent && "count" in state) count += Number(state.count)
  }
  return count
})

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      yield* program
      const { port } = http.address() as AddressInfo
      console.log(port)
      const context = yield* Effect.context()
      createInterface({ input: process.stdin }).on("line", () => {
        console.log(Effect.runSyncWith(context)(sent))
      })
      return yield* Effect.never
    })
  )
)
