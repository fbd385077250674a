/** The laws' view of the client part. */
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { ClientChain, ClientHandler } from "fairlead/client"
import * as handlers from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

import { badLimits, noLayer, noServices } from "./Adapter.ts"
import type { BuildSite, Adapter } from "./Adapter.ts"

const anyHandler = ClientHandler as any
const ofCalls = new WeakMap<object, Context.Context<any>>()

export const client: Adapter = {
  part: "client",
  make: (name, run) => anyHandler.make(name, { run: () => run() }),
  stateful: (name, make) =>
    anyHandler.make(name, (site: BuildSite) => {
      const run = make(site)
      return { run: () => run() }
    }),
  service: (id, options) => ClientHandler.Service<any>()(id, options as {}),
  composite: ({ discarded = [], interceptors, name, ofCall = noServices }) => {
    const opened: any = ClientChain.make(name)
    for (const each of discarded) opened.use(each)
    const chain = interceptors.reduce<any>((all, next) => all.use(next), opened)
    ofCalls.set(chain, ofCall)
    return chain
  },
  append: (first, second) => first.append(second),
  build: (chain, layer = noLayer) =>
    Effect.gen(function* () {
      const transport = TestClient.make(TestClient.always({}, {}))
      const base = Layer.merge(layer, Layer.succeed(HttpClient.HttpClient, transport.client))
      const context = yield* Layer.build(Layer.provide(ClientChain.layer(chain), base) as Layer.Layer<any>)
      const call = HttpClient.get("https://api.test/")
      return Effect.provideContext(
        call as Effect.Effect<unknown>,
        Context.merge(context, ofCalls.get(chain) ?? noServices)
      )
    }),
  isInterceptor: anyHandler.isClientHandler,
  takers: {
    use: (given) => ClientChain.make("c").use(given),
    append: (given) => ClientChain.make("c").append(given)
  },
  defects: "caller",
  kind: "handler",
  readyMade: {
    basic: (options) =>
      handlers.basic({ origins: ["https://a.test"], username: "a", password: Redacted.make("b"), ...options }),
    bodyLimit: handlers.bodyLimit,
    circuitBreaker: handlers.circuitBreaker,
    decompress: handlers.decompress,
    dedupe: handlers.dedupe,
    hedge: handlers.hedge,
    log: handlers.log,
    metrics: handlers.metrics,
    rateLimit: (options) => handlers.rateLimit({ limit: 1, window: "1 second", ...options }),
    redirect: handlers.redirect,
    retry: handlers.retry,
    timeouts: handlers.timeouts,
    tracing: handlers.tracing
  },
  invalid: [
    ...badLimits.map(
      (limit) => [`rateLimit limit ${limit}`, () => handlers.rateLimit({ limit, window: "1 second" })] as const
    ),
    ["rateLimit window", () => handlers.rateLimit({ limit: 1, window: 0 })],
    ["circuitBreaker maxKeys", () => handlers.circuitBreaker({ maxKeys: 0 })],
    ["hedge maxAttempts", () => handlers.hedge({ maxAttempts: Number.NaN })],
    ["retry times", () => (handlers.retry as any)({ times: Number.NaN })],
    ["bodyLimit maxBytes", () => (handlers.bodyLimit as any)({ maxBytes: -1 })],
    ["decompress maxBytes", () => (handlers.decompress as any)({ maxBytes: Number.NaN })],
    ["timeouts total", () => (handlers.timeouts as any)({ total: -1 })],
    ["redirect", () => (handlers.redirect as any)({ maxRedirects: Number.NaN })]
  ],
  rateLimit: ({ limit, name, window }) =>
    (handlers.rateLimit as any)({ limit, window, onExceeded: "fail", ...(name === undefined ? {} : { name }) }),
  rateLimiter: RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
}
