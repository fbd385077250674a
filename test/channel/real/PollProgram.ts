/** One of several nodes whose clients poll, as a process: `node PollProgram.ts redis|nats BROKER_PORT`. Prints its port. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Redacted, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { NatsBroadcaster } from "fairlead/channel/nats"
import { NodeUpgrade } from "fairlead/channel/node"
import { RedisBroadcaster } from "fairlead/channel/redis"

const [, , kind = "", brokerPort = ""] = process.argv

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: Schema.Struct({ name: Schema.String }) },
  incoming: {
    say: { payload: Schema.Finite },
    node: { reply: Schema.Finite },
    echo: { payload: Schema.String, reply: Schema.String }
  },
  outgoing: { said: Schema.Finite },
  presence: { meta: Schema.Struct({ node: Schema.Finite }) }
}) {}

const RoomLive = Room.layer({
  join: ({ payload }) => Effect.succeed(ChannelApi.state(payload.name)),
  afterJoin: (room) => Effect.orDie(room.presence.track(room.state, { node: process.pid })),
  on: {
    say: (n, room) => room.broadcast("said", n),
    node: () => Effect.succeed(process.pid),
    echo: (text) => Effect.succeed(text)
  }
})

const engine =
  kind === "redis"
    ? RedisBroadcaster.layer({ url: `redis://127.0.0.1:${brokerPort}` })
    : NatsBroadcaster.layer({ url: `nats://127.0.0.1:${brokerPort}` })

const longPoll = { secret: Redacted.make("a secret of all nodes") }
const http = createServer()
const program = Layer.build(
  HttpRouter.serve(ChannelServer.layer(ChannelServer.make("polled").mount(Room), { path: "/socket", longPoll }), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provide(RoomLive),
    Layer.provide([NodeUpgrade.layer, engine]),
    Layer.provide(NodeHttpServer.layer(() => http, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }))
  )
)

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      yield* program
      console.log((http.address() as AddressInfo).port)
      return yield* Effect.never
    })
  )
)
