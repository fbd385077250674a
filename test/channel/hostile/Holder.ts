/**
 * Holds connections, and tells on request what they weigh: run in a process of its own, with `--expose-gc`, and `fairlead` or `ws` as what it serves with.
 */
import { createServer } from "node:http"
import type { Server } from "node:http"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"

import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { WebSocketServer } from "ws"

const [, , kind = ""] = process.argv
const { gc } = globalThis
if (gc === undefined) throw new Error("run with --expose-gc")

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: Schema.Struct({ name: Schema.String }) },
  incoming: {
    say: { payload: Schema.Struct({ text: Schema.String }), reply: Schema.Struct({ length: Schema.Finite }) }
  },
  outgoing: { said: Schema.Struct({ name: Schema.String, text: Schema.String }) }
}) {}

const room = Room.layer({
  join: ({ payload }) => Effect.succeed(ChannelApi.joined(undefined, payload.name)),
  on: {
    say: ({ text }, member) =>
      Effect.as(member.broadcast("said", { name: member.state, text }), { length: text.length })
  }
})

const fairlead = (node: Server) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.andThen(
        Layer.build(
          HttpRouter.serve(ChannelServer.layer(ChannelServer.make("rooms").mount(Room), { path: "/socket" }), {
            disableLogger: true,
            disableListenLog: true
          }).pipe(
            Layer.provide([room, NodeUpgrade.layer, Broadcaster.layer]),
            Layer.provide(NodeHttpServer.layer(() => node, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }))
          )
        ),
        Effect.never
      )
    )
  )

/** What anybody would write who has ws alone: a set of members, and an answer to each message. */
const bare = (node: Server) => {
  const members = new Set<unknown>()
  const server = new WebSocketServer({ server: node, perMessageDeflate: false, clientTracking: false })
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      const [joinRef, ref, topic] = JSON.parse(data.toString())
      members.add(socket)
      socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response: {} }]))
    })
    socket.on("close", () => members.delete(socket))
  })
  node.listen(0, "127.0.0.1")
}

const node = createServer()
node.on("listening", () => console.log(JSON.stringify(node.address())))
if (kind === "ws") bare(node)
else void fairlead(node)

for await (const _ of createInterface({ input: process.stdin })) {
  for (let round = 0; round < 5; round++) {
    gc()
    await sleep(20)
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  console.log(JSON.stringify({ heap: heapUsed + external, rss }))
}
process.exit(0)
