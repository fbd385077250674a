/** Nodes of one chat over a broker: each is a server without HTTP, with an engine of its own. */
import { Effect, Layer, Schema } from "effect"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import type { Broadcaster, Presence } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

const any = ChannelApi.AnyPayload

export class Room extends ChannelApi.make("room:{id}", {
  join: { payload: any },
  incoming: { say: { payload: any }, sayToOthers: { payload: any }, publish: { payload: any, reply: Schema.String } },
  outgoing: { said: any },
  requests: { ready: { payload: Schema.String, reply: Schema.Finite, error: Schema.Struct({ why: Schema.String }) } },
  retention: ChannelApi.recoverable({ maxMessages: 1000 })
}) {}

export class Brief extends ChannelApi.make("brief:{id}", {
  join: { payload: any },
  outgoing: { said: any },
  retention: ChannelApi.recoverable({ maxMessages: 3, recoveryId: true })
}) {}

export class Price extends ChannelApi.make("price", {
  join: { payload: any },
  outgoing: { said: any },
  retention: ChannelApi.cache()
}) {}

class Fleeting extends ChannelApi.make("fleeting:{id}", {
  incoming: { say: { payload: any } },
  outgoing: { said: any }
}) {}

export class Hall extends ChannelApi.make("hall", {
  join: { payload: Schema.Struct({ name: Schema.optionalKey(Schema.String) }) },
  incoming: { update: { payload: Schema.String, reply: Schema.String } },
  presence: { meta: Schema.Struct({ at: Schema.String }) }
}) {}

const outcome = <A>(effect: Effect.Effect<A, { readonly _tag: string }>) =>
  Effect.match(effect, { onSuccess: () => "ok", onFailure: ({ _tag }) => _tag })

const channels = Layer.mergeAll(
  Room.layer({
    join: () => Effect.void,
    on: {
      say: (payload, room) => room.broadcast("said", payload),
      sayToOthers: (payload, room) => room.broadcastFrom("said", payload),
      publish: (payload, room) => outcome(room.publish("said", payload))
    }
  }),
  Brief.layer({ join: () => Effect.void, on: {} }),
  Price.layer({ join: () => Effect.void, on: {} }),
  Fleeting.layer({ join: () => Effect.void, on: { say: (payload, room) => room.broadcast("said", payload) } }),
  Hall.layer({
    join: ({ payload }) => Effect.succeed(ChannelApi.state(payload.name)),
    afterJoin: (hall) =>
      hall.state === undefined ? Effect.void : Effect.orDie(hall.presence.track(hall.state, { at: "home" })),
    on: { update: (at, hall) => outcome(hall.presence.update(hall.state ?? "", { at })) },
    presence: { diffInterval: 20 }
  })
)

const named = ChannelHandler.make("named", {
  connect: ({ params }) => ChannelHandler.accept({ id: params.get("user") })
})

const server = ChannelServer.make("chat").use(named).mount(Room, Brief, Price, Fleeting, Hall)

/** A node with an engine, for as long as the scope is open. */
export const nodeOver = <E>(engine: Layer.Layer<Broadcaster.Broadcaster | Presence.Presence, E>) =>
  TestChannel.make(server, Layer.merge(channels, engine))

export type Node = Effect.Success<ReturnType<typeof nodeOver>>

/** A client of a topic. */
export const enter = (node: Node, topic: string, payload: Schema.Json = {}) =>
  Effect.tap(node.connect(), (client) =>
    Effect.tap(client.join(topic, payload), ({ response, status }) =>
      status === "ok" ? Effect.void : Effect.die(new Error(`${topic}: ${JSON.stringify(response)}`))
    )
  )

/** The payloads of an event that a client has got. */
export const got = (client: TestChannel.TestSocket, event = "said") =>
  client.received.filter((message) => message.event === event).map(({ payload }) => payload)

/** Waits until a condition holds. It is asked often, so that no time need be right. */
export const until = (holds: () => boolean, what: () => unknown = () => "it never held"): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let left = 1500; !holds(); left--) {
      if (left === 0) return yield* Effect.die(new Error(JSON.stringify(what())))
      yield* Effect.sleep(10)
    }
    return yield* Effect.void
  })
