/**
 * Harbour's sockets: the channel of each room, on `/socket/websocket`, in the protocol of Phoenix Channels.
 *
 * Reading is for anyone, writing for members, as over HTTP. A socket that floods Harbour is read no further until its messages are handled; one
 * that does not read is closed, and its client, back again, reads over HTTP what it missed.
 */
import { Clock, Context, Effect, Layer, Option, Ref } from "effect"
import type { Redacted } from "effect"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { RedisBroadcaster } from "fairlead/channel/redis"

import { CurrentUser, limits } from "./Domain.ts"
import type { StorageError } from "./Domain.ts"
import { Messages } from "./Messages.ts"
import { MembersOnly, RoomChannel, Unavailable, UnknownToken } from "./RoomChannel.ts"
import { visitorOf } from "./Sessions.ts"
import { Settings } from "./Settings.ts"
import { Storage } from "./Storage.ts"
import { Tokens } from "./Tokens.ts"

const unavailable = (error: StorageError) => Effect.andThen(Effect.logError(error), Effect.fail(new Unavailable()))

const memberOf = Effect.fnUntraced(function* (token: Redacted.Redacted) {
  const tokens = yield* Tokens
  const member = yield* tokens.verify(token)
  return Option.isSome(member) ? member.value : yield* new UnknownToken()
})

/** The channel of a room. */
export const roomChannel = RoomChannel.layer({
  join: ({ params: { room }, payload: { token } }) =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const user = token === undefined ? yield* CurrentUser : yield* memberOf(token)
      yield* storage.room(room)
      return ChannelApi.joined(undefined, { user, typedAt: yield* Ref.make(-Infinity) })
    }).pipe(Effect.catchTag("StorageError", unavailable)),
  afterJoin: ({ presence, state: { user } }) =>
    user._tag === "Member" ? Effect.orDie(presence.track(user.name, {})) : Effect.void,
  on: {
    post: ({ text }, { params: { room }, state: { user } }) =>
      Effect.gen(function* () {
        const messages = yield* Messages
        return user._tag === "Member" ? yield* messages.post(room, text, user) : yield* new MembersOnly()
      }).pipe(Effect.catchTag("StorageError", unavailable)),
    typing: (_, member) =>
      Effect.gen(function* () {
        const { typedAt, user } = member.state
        const now = yield* Clock.currentTimeMillis
        if (user._tag === "Guest" || now - (yield* Ref.get(typedAt)) < limits.typing) return
        yield* Ref.set(typedAt, now)
        yield* member.broadcastFrom("typing", { name: user.name })
      })
  }
})

/** Carries events and presence: in this process, or over Redis between all Harbours that serve these rooms. */
export const broadcaster = Layer.unwrap(
  Effect.map(Settings, ({ redis }) =>
    Option.match(redis, { onNone: () => Broadcaster.layer, onSome: (url) => RedisBroadcaster.layer({ url }) })
  )
)

/** Where the sockets are. */
const path = "/socket"

/** The path of a socket's request. */
const socketPath = `${path}/websocket`

/** When a socket connected, in milliseconds. */
class ConnectedAt extends Context.Service<ConnectedAt, number>()("harbour/ConnectedAt") {}

/** One line for each socket when it has ended, as for each request: path, status and time, and the close code. */
const accessLog = ChannelHandler.make("access-log", {
  connect: () =>
    Effect.map(Clock.currentTimeMillis, (now) => ChannelHandler.accept({ context: Context.make(ConnectedAt, now) })),
  disconnect: ({ code }) =>
    Effect.gen(function* () {
      const took = (yield* Clock.currentTimeMillis) - (yield* ConnectedAt)
      yield* Effect.log(`GET ${socketPath} 101 ${took}ms, closed with ${code}`)
    })
})

/** Whoever opens a socket is who they are on the page, until it closes. */
const visitor = ChannelHandler.make("visitor", {
  connect: ({ headers }) =>
    Effect.map(visitorOf(headers["cookie"]), (user) =>
      ChannelHandler.accept({ context: Context.make(CurrentUser, user) })
    )
})

/** The channel server. */
export const live = ChannelServer.make("live").use(accessLog).use(visitor).mount(RoomChannel)

/** Its place among the routes. */
export const sockets = ChannelServer.layer(live, {
  path,
  maxFrameBytes: limits.body,
  maxChannels: limits.rooms,
  maxPendingMessages: 100
}).pipe(Layer.provide(NodeUpgrade.layer))
