/** The laws' view of the channel part. */
import { Context, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import * as handlers from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

import { badLimits, noLayer } from "./Adapter.ts"
import type { BuildSite, Adapter } from "./Adapter.ts"

class Lobby extends ChannelApi.make("lobby", {
  incoming: { ask: { payload: ChannelApi.AnyPayload, reply: ChannelApi.AnyPayload } }
}) {}

const LobbyLive = Lobby.layer({ join: () => Effect.void, on: { ask: () => Effect.succeed({}) } })

const anyHandler = ChannelHandler as any
const anyHandlers = handlers as any

// A connect hook provides by an `accept`; nothing else that it returns matters here.
const asConnect = (out: unknown): unknown => (Effect.isEffect(out) ? Effect.asVoid(out) : undefined)

export const channel: Adapter = {
  part: "channel",
  make: (name, run) => anyHandler.make(name, { connect: () => asConnect(run()) }),
  stateful: (name, make) =>
    anyHandler.make(name, (site: BuildSite) => {
      const run = make(site)
      return { connect: () => asConnect(run()) }
    }),
  service: (id, options) => ChannelHandler.Service<any>()(id, options as {}),
  composite: ({ discarded = [], interceptors, name, ofCall }) => {
    const opened: any = ChannelServer.make(name)
    for (const each of discarded) opened.use(each)
    const first =
      ofCall === undefined
        ? []
        : [anyHandler.make("call", { connect: () => ChannelHandler.accept({ context: ofCall }) })]
    return [...first, ...interceptors].reduce<any>((all, next) => all.use(next), opened)
  },
  append: (first, second) => first.append(second),
  build: (composed, layer = noLayer) =>
    Effect.map(TestChannel.make(composed, layer as any), (kit: any) => Effect.scoped(kit.connect())) as any,
  isInterceptor: anyHandler.isChannelHandler,
  takers: {
    use: (given) => ChannelServer.make("c").use(given),
    append: (given) => ChannelServer.make("c").append(given),
    mount: (given) => ChannelServer.make("c").mount(given)
  },
  defects: "log",
  kind: "handler",
  readyMade: {
    authentication: (options) =>
      anyHandlers.authentication(Context.Service("laws/Who"), { verify: () => "ann", ...options }),
    log: handlers.log,
    metrics: handlers.metrics,
    payloadLimit: (options) => anyHandlers.payloadLimit({ maxBytes: 10, ...options }),
    rateLimit: (options) => handlers.rateLimit({ limit: 1, window: "1 second", ...options })
  },
  invalid: [
    ...badLimits.map(
      (limit) => [`rateLimit limit ${limit}`, () => handlers.rateLimit({ limit, window: "1 second" })] as const
    ),
    ["rateLimit window", () => handlers.rateLimit({ limit: 1, window: -1 })],
    ["payloadLimit", () => anyHandlers.payloadLimit({ maxBytes: Number.NaN })]
  ],
  rateLimit: ({ limit, name, window }) =>
    handlers.rateLimit({ limit, window: window as "1 hour", ...(name && { name }) }),
  buildLimited: (composed, limiter) =>
    Effect.gen(function* () {
      const kit: any = yield* TestChannel.make(composed.mount(Lobby), Layer.merge(LobbyLive, limiter) as any)
      const lobby = (yield* kit.connect()).channel(Lobby, {})
      yield* lobby.join()
      return lobby.push("ask", {})
    }) as any,
  rateLimiter: RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
}
