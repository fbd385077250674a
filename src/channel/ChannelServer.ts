/**
 * A channel server: handlers and channels as one value, mounted on an `HttpRouter` next to any other route.
 *
 * 1. `use` adds a `ChannelHandler`: declared order is the order of the way in.
 * 2. `mount` adds channels: of several whose patterns match a topic, the first declared has it.
 * 3. `layer` puts it on a path: `PATH/websocket` speaks Phoenix Channels, versions 1 and 2. One server may be on several paths.
 *
 * The mounted channels are implemented elsewhere, by their own layers.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import * as Composite from "../core/Composite.ts"
import { infoOf } from "../core/Description.ts"
import { hasTypeId, refusedBy } from "../core/InterceptorKind.ts"
import { checkOptions, nameOr } from "../core/Options.ts"
import { atMostOnce } from "./broadcaster/AtMostOnce.ts"
import { Broadcaster } from "./broadcaster/Contract.ts"
import { socketTopic } from "./broadcaster/SocketTopic.ts"
import { compiledOf } from "./Definition.ts"
import type { Compiled } from "./Definition.ts"
import { handlerKind } from "./HandlerValue.ts"
import type { Serializer } from "./Serializer.ts"
import { TypeId } from "./ServerInterface.ts"
import type { ChannelServer } from "./ServerInterface.ts"
import { valueOf } from "./ServerValue.ts"
import type { ServerValue } from "./ServerValue.ts"
import { V1, V2 } from "./wire/Message.ts"
import * as Reserved from "./wire/Reserved.ts"

export type { ChannelServer } from "./ServerInterface.ts"
export { AllowedHosts } from "../core/AllowedHosts.ts"
export { layer } from "./Mount.ts"
export { Undecodable } from "./Serializer.ts"
export type { AddedSerializer, Incoming, Limits as DecodeLimits, Serializer } from "./Serializer.ts"
export type { HandshakeOptions, Limits, LongPollOptions, Options } from "./MountOptions.ts"
export type { Origin } from "./Origin.ts"

/**
 * Whether something is a channel server.
 *
 * @category guards
 * @since 0.1.0
 */
export const isChannelServer: (u: unknown) => u is ChannelServer<never, never> = hasTypeId(TypeId)

const mounted = (self: ServerValue, channels: ReadonlyArray<Compiled>): ServerValue => {
  const all = [...self.channels]
  for (const channel of channels) {
    const { text } = channel.pattern
    if (all.some(({ pattern }) => pattern.text === text)) {
      throw checkOptions(self.name).invalid("mount", `"${text}" is mounted twice`)
    }
    all.push(channel)
  }
  return Composite.change(self, { channels: all })
}

const definitionOf = (server: string, given: unknown): Compiled => {
  const compiled = compiledOf(given)
  if (compiled !== undefined) return compiled
  throw checkOptions(server).invalid("mount", "a channel is not defined by ChannelApi.make: pass the class")
}

const Proto = Composite.prototype(
  {
    part: "channel",
    typeId: TypeId,
    kind: handlerKind,
    maker: "ChannelServer.make",
    describe: (self: ServerValue) => [
      ...Composite.infosOf(self),
      ...self.channels.map(({ definition, pattern }) =>
        infoOf({ name: pattern.text, kind: "channel", requires: (definition.requires ?? []).map(({ key }) => key) })
      )
    ]
  },
  {
    mount(this: ServerValue, ...channels: ReadonlyArray<unknown>) {
      return mounted(
        this,
        channels.map((channel) => definitionOf(this.name, channel))
      )
    },
    append(this: ServerValue, other: unknown) {
      if (!isChannelServer(other)) throw refusedBy(this.name, "append", { maker: "ChannelServer.make" }, other)
      const { channels, entries } = valueOf(other)
      return mounted(entries.reduce<ServerValue>(Composite.add, this), channels)
    }
  }
)

/**
 * Opens a channel server.
 *
 * **Example** (A server with one channel)
 *
 * ```ts
 * import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
 *
 * class Lobby extends ChannelApi.make("lobby", {}) {}
 *
 * const quiet = ChannelHandler.make("quiet", { incoming: () => ChannelHandler.drop })
 * const server = ChannelServer.make("realtime").use(quiet).mount(Lobby)
 * const mounted = ChannelServer.layer(server, { path: "/socket" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): ChannelServer<never, never> =>
  Object.assign(Object.create(Proto), { name: nameOr("channel server", name), entries: [], channels: [] })

/**
 * Phoenix's serializer of version 1, to build others on.
 *
 * @category serializers
 * @since 0.1.0
 */
export const serializerV1: Serializer = V1

/**
 * Phoenix's serializer of version 2, to build others on.
 *
 * @category serializers
 * @since 0.1.0
 */
export const serializerV2: Serializer = V2

/**
 * Closes every socket that has this id, on whatever path it connected; its client may connect again. Such a socket gets the close code 1001.
 *
 * @category combinators
 * @since 0.1.0
 */
export const disconnect = (id: string): Effect.Effect<void, never, Broadcaster> =>
  Effect.flatMap(Broadcaster, (broadcaster) =>
    atMostOnce(broadcaster.publish({ topic: socketTopic(id), event: Reserved.disconnect, payload: {} }))
  )
