import { join } from "node:path"

import { assert, beforeAll, describe, it } from "vitest"

import { hoversOfConstants, wordsOf } from "../server/hoverServer.ts"
import type * as Channels from "./hoverChannels.ts"

const file = join(import.meta.dirname, "hoverChannels.ts")

/** What an editor must show for each name. */
const shown: Readonly<Record<Exclude<keyof typeof Channels, "CurrentUser" | "Store" | "Full" | "Room">, string>> = {
  roomLive: "const roomLive: Layer<Room, never, Store>",
  authenticate: "const authenticate: ChannelHandler.ChannelHandler<CurrentUser, never>",
  guard: "const guard: ChannelHandler.ChannelHandler<never, CurrentUser>",
  server: "const server: ChannelServer.ChannelServer<CurrentUser, Room>",
  mounted: "const mounted: Layer<never, never, Broadcaster | HttpRouter | Room>",
  outside: "const outside: Effect.Effect<void, never, Broadcaster>",
  testing: "const testing: Effect.Effect<TestChannel.TestServer<Room>, never, Scope | Store>",
  asking:
    "const asking: Effect.Effect<Effect.Effect<void, TestChannel.ChannelEnded | TestChannel.ConnectRejected | TestChannel.ErrorReply | Full | TestChannel.SocketClosed, Scope>, never, Scope | Store>"
}

describe("the hover text of an editor for a channel", () => {
  let hovers: ReadonlyArray<string> = []
  beforeAll(async () => {
    hovers = await hoversOfConstants(file, Object.keys(shown))
  })

  it.each(Object.entries(shown).map(([name, type], index) => ({ name, type, index })))(
    "names channels, services and errors and no machinery: $name",
    ({ index, type }) => {
      const hover = hovers[index] ?? ""
      assert.sameMembers(wordsOf(hover), wordsOf(type), hover)
    }
  )
})
