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

/** A room whose members follow positions. */
class Positioned extends ChannelApi.make("room:{id}", {
  join: { payload: Schema.Struct({ recover_from: Schema.Null }) },
  incoming: { shout: { payload: Said } },
  outgoing: { said: Said },
  retention: ChannelApi.recoverable()
}) {}

const positioned = Positioned.layer({
  join: () => Effect.void,
  on: { shout: (said, room) => room.broadcast("said", said) }
})

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

type Mounted = Layer.Layer<never, never, HttpRouter.HttpRouter | Broadcaster.Broadcaster>
type Say = (id: string) => Effect.Effect<void, never, Broadcaster.Broadcaster>

// The members of a topic only listen, for as long as the bench runs.
const options = { path: "/socket", idleTimeout: "1 hour" } as const

const serving =
  (upgrade: Layer.Layer<never>, mounted: Mounted, say: Say): Serve =>
  async (port) => {
    const context = await Effect.runPromise(Layer.buildWithScope(Broadcaster.layer, Scope.makeUnsafe()))
    const built = Layer.provide(mounted, [upgrade, Layer.succeedContext(context)])
    await listen(port, HttpRouter.serve(built, { disableLogger: true, disableListenLog: true }))
    const run = Effect.runSyncWith(Context.merge(Context.empty(), context))
    return (topic) => run(say(topic.slice("room:".length)))
  }

const rooms = ChannelServer.layer(ChannelServer.make("bench").mount(Room), options).pipe(Layer.provide(room))
const positionedRooms = ChannelServer.layer(ChannelServer.make("bench").mount(Positioned), options).pipe(
  Layer.provide(positioned)
)
const inRoom: Say = (id) => Room.broadcast({ id }, "said", message)

export const overWs = serving(NodeUpgrade.layer, rooms, inRoom)
export const overEffect = serving(Layer.empty, rooms, inRoom)
export const withPositions = serving(NodeUpgrade.layer, positionedRooms, (id) =>
  Positioned.broadcast({ id }, "said", message)
)
