/**
 * A channel server: handlers and channels as one value, mounted on an `HttpRouter` beside any other route.
 *
 * 1. `use` adds a `ChannelHandler`: declared order is the order of the way in.
 * 2. `mount` adds channels: of several whose patterns match a topic, the first declared has it.
 * 3. `layer` puts it on a path: `PATH/websocket` speaks Phoenix Channels, versions 1 and 2. One server may be on several paths.
 *
 * What is mounted is implemented elsewhere, by the channels' own layers.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import * as Drawing from "../core/Drawing.ts"
import type { Description, Info } from "../core/Interceptor.ts"
import * as Tagged from "../core/Tagged.ts"
import type { Any, Requires, ServiceOf } from "./ApiTypes.ts"
import { Broadcaster } from "./Broadcaster.ts"
import { CompiledKey } from "./ChannelApi.ts"
import type { ChannelHandler, HandlerValue } from "./ChannelHandler.ts"
import type { Compiled } from "./Definition.ts"
import * as Reserved from "./wire/Reserved.ts"

export { layer } from "./Mount.ts"
export type { Options, Origin } from "./Mount.ts"

const TypeId = "~fairlead/channel/ChannelServer"

/**
 * A channel server: its handlers provide `P` to each socket, and it needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelServer<in out P, in out R> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds a handler, behind those declared before. */
  use<P2, R2>(handler: ChannelHandler<P2, R2>): ChannelServer<P | P2, R | Exclude<R2, P>>

  /** Adds channels. What they require of a socket, the handlers declared before must provide. */
  mount<const C extends ReadonlyArray<Any>>(
    ...channels: C
  ): ChannelServer<P, R | ServiceOf<C[number]> | Exclude<Requires<C[number]>, P>>
}

/** A handler, or the key of one. Internal to the channel part. */
export type Entry =
  | { readonly _tag: "Value"; readonly handler: HandlerValue }
  | {
      readonly _tag: "Service"
      readonly name: string
      readonly key: Context.Key<unknown, Tagged.Implementation<ChannelHandler<any, any>>>
    }

/** A server with its types erased. Internal to the channel part. */
export interface ServerValue {
  readonly name: string
  readonly entries: ReadonlyArray<Entry>
  readonly channels: ReadonlyArray<Compiled>
}

const from = (value: ServerValue): ChannelServer<never, never> => Object.assign(Object.create(Proto), value)

const Proto = {
  [TypeId]: TypeId,
  use(this: ServerValue, handler: object) {
    const name = Tagged.nameOf(handler)
    const entry: Entry =
      name === undefined
        ? { _tag: "Value", handler: handler as HandlerValue }
        : {
            _tag: "Service",
            name,
            key: handler as Context.Key<unknown, Tagged.Implementation<ChannelHandler<any, any>>>
          }
    return from({ ...this, entries: [...this.entries, entry] })
  },
  mount(this: ServerValue, ...channels: ReadonlyArray<{ readonly [CompiledKey]: Compiled }>) {
    const mounted = [...this.channels]
    for (const { [CompiledKey]: channel } of channels) {
      const { text } = channel.pattern
      if (mounted.some(({ pattern }) => pattern.text === text)) {
        throw new TypeError(`Channel server "${this.name}": "${text}" is mounted twice`)
      }
      mounted.push(channel)
    }
    return from({ ...this, channels: mounted })
  }
}

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
export const make = (name: string): ChannelServer<never, never> => from({ name, entries: [], channels: [] })

/**
 * Closes every socket that has this id, on whatever path it connected; its client may connect anew. Such a socket gets the close code 1001.
 *
 * @category combinators
 * @since 0.1.0
 */
export const disconnect = (id: string): Effect.Effect<void, never, Broadcaster> =>
  Effect.map(Broadcaster, (broadcaster) => broadcaster.publish({ topic: id, event: Reserved.disconnect, payload: {} }))

const infoOf = (name: string, kind: string): Info => ({ name, kind, provides: [], recovers: [], inner: [] })

/**
 * The server as data: its handlers in order, then its channels.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <P, R>(server: ChannelServer<P, R>): Description => {
  const { channels, entries, name } = server as unknown as ServerValue
  return {
    part: "channel",
    name,
    interceptors: [
      ...entries.map((entry) => infoOf(entry._tag === "Value" ? entry.handler.name : entry.name, "handler")),
      ...channels.map(({ pattern }) => infoOf(pattern.text, "channel"))
    ]
  }
}

/**
 * The server as text.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = <P, R>(server: ChannelServer<P, R>): string => Drawing.toText(describe(server))

/**
 * The server as a Mermaid flowchart.
 *
 * @category drawing
 * @since 0.1.0
 */
export const mermaid = <P, R>(server: ChannelServer<P, R>): string => Drawing.toMermaid(describe(server))
