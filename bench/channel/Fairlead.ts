/** Fairlead: a typed channel on Effect's router, over `ws` and over what works everywhere. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

import { Broadcaster, ChannelApi, ChannelServer } from "../../src/channel/index.ts"
import { NodeUpgrade } from "../../src/channel/node/index.ts"
import { listen } from "../server/Effect.ts"
import { message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

const Said = Schema.Struct({ text: Schema.String })
const typed = { payload: Said, reply: Said }

export class Room extends ChannelApi.make("room:{id}", {
  incoming: {
    echo: typed,
    any: { payload: ChannelApi.AnyPayload, reply: ChannelApi.AnyPayload },
    gen: typed,
    wait: typed,
    shout: { payload: Said }
  },
  outgoing: { said: Said }
}) {}

export const room = Room.layer({
  join: () => Effect.void,
  on: {
    echo: (said) => Effect.succeed(said),
    any: (payload) => Effect.succeed(payload),
    gen: Effect.fnUntraced(function* (said) {
      yield* Effect.void
      return said
    }),
    wait: (said) => Effect.promise(() => Promise.resolve(said)),
    shout: (said, room) => room.broadcast("said", said)
  }
})

const serving =
  (upgrade: Layer.Layer<never>): Serve =>
  async (port) => {
    const context = await Effect.runPromise(Layer.buildWithScope(Broadcaster.layer, Scope.makeUnsafe()))
    // The members of a topic only listen, for as long as the bench runs.
    const channels = ChannelServer.layer(ChannelServer.make("bench").mount(Room), {
      path: "/socket",
      idleTimeout: "1 hour"
    })
    const built = Layer.provide(channels, [room, upgrade, Layer.succeedContext(context)])
    await listen(port, HttpRouter.serve(built, { disableLogger: true, disableListenLog: true }))
    const run = Effect.runSyncWith(Context.merge(Context.empty(), context))
    return (topic) => run(Room.broadcast({ id: topic.slice("room:".length) }, "said", message))
  }

export const overWs = serving(NodeUpgrade.layer)
export const overEffect = serving(Layer.empty)
