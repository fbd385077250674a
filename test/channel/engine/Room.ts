/** A channel whose parts a test gives as it needs them, and the journal of what happened in them. */
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import type { ChannelHandler } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { keepLogs } from "../../server/Logs.ts"

export class Failed extends Schema.TaggedError<Failed>()("Failed", { why: Schema.String }) {}

const Any = ChannelApi.AnyPayload

export class Room extends ChannelApi.make("room:{id}", {
  join: { payload: Any, reply: Any, error: Failed },
  incoming: {
    ask: { payload: Any, reply: Any, error: Failed },
    tell: { payload: Any },
    number: { payload: Schema.Struct({ n: Schema.Number }), reply: Schema.Finite }
  },
  outgoing: { said: Any, note: Any }
}) {}

export type Payload = (typeof ChannelApi.AnyPayload)["Type"]
export type Member = ChannelApi.Member<typeof Room, undefined>

type Answer =
  | Payload
  | ChannelApi.Later<Effect.Effect<Payload, Failed>>
  | ChannelApi.Stop<Payload>
  | ChannelApi.Stop<void>

export interface Parts {
  readonly join?: (request: ChannelApi.JoinRequest<typeof Room>) => Effect.Effect<Payload, Failed, Scope.Scope>
  readonly afterJoin?: (member: Member) => Effect.Effect<void, never, Scope.Scope>
  readonly ask?: (payload: Payload, member: Member) => Effect.Effect<Answer, Failed, Scope.Scope>
  readonly tell?: (payload: Payload, member: Member) => Effect.Effect<void, never, Scope.Scope>
  readonly number?: (n: number) => number
  readonly intercept?: (payload: Payload, member: Member) => Effect.Effect<Payload | undefined>
  readonly leave?: (reason: ChannelApi.LeaveReason, member: Member) => Effect.Effect<void, never, Scope.Scope>
}

/** The room's layer: an `ask` is echoed, and everything else does nothing, unless a part says otherwise. */
export const roomLayer = (parts: Parts) =>
  Room.layer({
    join: parts.join ?? (() => Effect.succeed({})),
    ...(parts.afterJoin === undefined ? {} : { afterJoin: parts.afterJoin }),
    on: {
      ask: parts.ask ?? ((payload) => Effect.succeed(payload)),
      tell: parts.tell ?? (() => Effect.void),
      number: ({ n }) => Effect.sync(() => parts.number?.(n) ?? n)
    },
    ...(parts.intercept === undefined ? {} : { intercept: { said: parts.intercept } }),
    ...(parts.leave === undefined ? {} : { leave: parts.leave })
  })

/** A server with a room, behind handlers. */
export const serverOf = (
  parts: Parts,
  handlers: ReadonlyArray<ChannelHandler.ChannelHandler> = [],
  options: TestChannel.Options = {}
) => {
  const server = handlers.reduce((server, handler) => server.use(handler), ChannelServer.make("rooms"))
  return TestChannel.make(server.mount(Room), roomLayer(parts), options)
}

/** The same, and what it logs. */
export const loggingServerOf = (...args: Parameters<typeof serverOf>) => {
  const { layer, lines } = keepLogs()
  return Effect.map(Effect.provide(serverOf(...args), layer), (server) => ({ server, lines }))
}

/** A client that joined `room:1`. */
export const joined = (server: TestChannel.TestServer, topic = "room:1") =>
  Effect.tap(server.connect(), (client) => client.join(topic))

/** Ends when a condition holds, that nothing else tells. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.yieldNow, until(holds))))
