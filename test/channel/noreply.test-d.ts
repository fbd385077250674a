import { Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"
import { describe, it } from "vitest"

class Room extends ChannelApi.make("room:*", {
  incoming: { say: { reply: Schema.Struct({ length: Schema.Number }) }, whisper: {} }
}) {}

describe("ChannelApi.noReply", () => {
  it("channel 1.5: is accepted for the reply of an event, alone or in a union with one", () => {
    Room.layer({
      join: () => Effect.void,
      on: {
        say: () => (Math.random() < 0.5 ? Effect.succeed({ length: 1 }) : Effect.succeed(ChannelApi.noReply)),
        whisper: () => Effect.succeed(ChannelApi.noReply)
      }
    })
  })

  it("channel 1.5: is no reply of a join", () => {
    Room.layer({
      // @ts-expect-error "wrong reply"
      join: () => Effect.succeed(ChannelApi.noReply),
      on: { say: () => Effect.succeed(ChannelApi.noReply), whisper: () => Effect.void }
    })
  })
})
