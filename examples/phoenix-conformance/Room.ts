/** `room:*`: an event for each thing that a channel of Phoenix can do. */
import { Effect, Redacted, Schema } from "effect"
import { ChannelApi, ChannelSocket } from "fairlead/channel"

import { User } from "./Client.ts"
import { Empty, fields } from "./Payload.ts"

const { AnyPayload, Binary } = ChannelApi

const Reason = Schema.Struct({ reason: Schema.String })
const Maybe = Schema.NullOr(Schema.String)
const echo = { payload: AnyPayload, reply: AnyPayload } as const

export class Room extends ChannelApi.make("room:*", {
  requires: [User],
  join: { payload: AnyPayload, reply: AnyPayload, error: Reason },
  incoming: {
    new_msg: { payload: AnyPayload, reply: Empty },
    shout: { payload: AnyPayload },
    broadcast_from: { payload: AnyPayload, reply: Empty },
    intercept: { payload: AnyPayload, reply: Empty },
    echo,
    fail: { error: Reason },
    noreply: {},
    push_me: { payload: AnyPayload },
    push_then_reply: echo,
    burst: { payload: Schema.Struct({ n: Schema.Number }), reply: Schema.Struct({ n: Schema.Number }) },
    async_echo: echo,
    inc: { reply: Schema.Struct({ count: Schema.Number }) },
    whoami: {
      reply: Schema.Struct({
        user_id: Maybe,
        transport: Schema.String,
        x_headers: Schema.Record(Schema.String, Schema.String),
        user_agent: Maybe,
        auth_token: Maybe
      })
    },
    crash: {},
    stop: {},
    stop_reply: { reply: Schema.Struct({ bye: Schema.Boolean }) },
    stop_abnormal: {},
    bin_echo: { payload: Binary, reply: Binary },
    bin_fail: { payload: Binary, error: Binary },
    bin_push: { payload: Binary },
    bin_size: { payload: Binary, reply: Schema.Struct({ size: Schema.Number }) },
    bin_broadcast: { payload: Binary },
    bin_broadcast_from: { payload: Binary, reply: Empty }
  },
  outgoing: {
    user_entered: Schema.Struct({ user: Schema.Json }),
    user_left: Schema.Struct({ user: Schema.Json }),
    joined: Schema.Struct({ status: Schema.String, user_id: Maybe }),
    new_msg: AnyPayload,
    from_msg: AnyPayload,
    intercepted: AnyPayload,
    pushed: AnyPayload,
    tick: Schema.Struct({ i: Schema.Number }),
    bin_pushed: Binary,
    bin_msg: Binary
  }
}) {}

/** The state of a joined channel. */
interface State {
  readonly user: string | null
  readonly announce: Schema.Json | undefined
  readonly notifyLeave: Schema.Json | undefined
  count: number
}

export const RoomLive = Room.layer({
  join: ({ payload }) =>
    Effect.gen(function* () {
      const { announce, auth, crash, notify_leave: notifyLeave, reply } = fields(payload)
      if (auth === "deny") return yield* Effect.fail({ reason: "unauthorized" })
      if (crash === true) return yield* Effect.die(new Error("the join was to crash"))
      const { id: user } = yield* User
      // A join that asks for a reply is no more than that.
      const state: State =
        reply === undefined
          ? { user, announce, notifyLeave, count: 0 }
          : { user, announce: undefined, notifyLeave: undefined, count: 0 }
      return ChannelApi.joined(reply === undefined ? {} : reply, state)
    }),

  afterJoin: (room) =>
    Effect.gen(function* () {
      const { announce, user } = room.state
      if (announce === undefined) return
      yield* room.broadcast("user_entered", { user: announce })
      yield* room.push("joined", { status: "connected", user_id: user })
    }),

  on: {
    new_msg: (payload, room) => Effect.as(room.broadcast("new_msg", payload), {}),
    shout: (payload, room) => room.broadcast("new_msg", payload),
    broadcast_from: (payload, room) => Effect.as(room.broadcastFrom("from_msg", payload), {}),
    intercept: (payload, room) => Effect.as(room.broadcast("intercepted", payload), {}),
    echo: (payload) => Effect.succeed(payload),
    fail: () => Effect.fail({ reason: "failed" }),
    noreply: () => Effect.void,
    push_me: (payload, room) => room.push("pushed", payload),
    push_then_reply: (payload, room) => Effect.as(room.push("pushed", payload), payload),
    burst: ({ n }, room) =>
      Effect.gen(function* () {
        for (let i = 1; i <= n; i++) yield* room.push("tick", { i })
        return { n }
      }),
    async_echo: (payload) => {
      const { delay } = fields(payload)
      return Effect.succeed(
        ChannelApi.later(Effect.delay(Effect.succeed(payload), typeof delay === "number" ? delay : 30))
      )
    },
    inc: (_, { state }) => Effect.sync(() => ({ count: ++state.count })),
    whoami: (_, { state }) =>
      Effect.map(ChannelSocket.ChannelSocket, ({ request: connect }) => whoami(connect, state.user)),
    crash: () => Effect.die(new Error("the handler was to crash")),
    stop: () => Effect.succeed(ChannelApi.stop),
    stop_reply: () => Effect.succeed(ChannelApi.stopWith({ bye: true })),
    // For a client, an abnormal end is a crash.
    stop_abnormal: () => Effect.die(new Error("the channel was to stop abnormally")),
    bin_echo: (bytes) => Effect.succeed(bytes),
    bin_fail: (bytes) => Effect.fail(bytes),
    bin_push: (bytes, room) => room.push("bin_pushed", bytes),
    bin_size: (bytes) => Effect.succeed({ size: bytes.length }),
    bin_broadcast: (bytes, room) => room.broadcast("bin_msg", bytes),
    bin_broadcast_from: (bytes, room) => Effect.as(room.broadcastFrom("bin_msg", bytes), {})
  },

  intercept: {
    intercepted: (payload, { state: { user } }) => {
      const message = fields(payload)
      return Effect.succeed(message["except"] === user ? undefined : { ...message, for: user })
    }
  },

  leave: (reason, room) => {
    const { notifyLeave } = room.state
    return notifyLeave === undefined || reason === "crashed"
      ? Effect.void
      : room.broadcastFrom("user_left", { user: notifyLeave })
  }
})

const whoami = ({ headers, token, transport }: ChannelSocket.ConnectRequest, user: string | null) => ({
  user_id: user,
  transport,
  x_headers: Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith("x-") && value !== undefined ? [[name, value]] : []
    )
  ),
  user_agent: headers["user-agent"] ?? null,
  auth_token: token === undefined ? null : Redacted.value(token)
})
