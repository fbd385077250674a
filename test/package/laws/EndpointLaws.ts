/** The laws' view of the endpoint part. */
import { Effect, Layer, Stream } from "effect"
import type { Context, Scope } from "effect"
import { RateLimiter } from "effect/persistence"
import { Alpn, Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"
import * as hooks from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { badLimits, noLayer, noServices } from "./Adapter.ts"
import type { BuildSite, Adapter, AnyLayer, Call } from "./Adapter.ts"

const anyHooks = EndpointHooks as any
const anyReady = hooks as any
const alpn = Alpn.fromString("laws/1")
const ofCalls = new WeakMap<object, Context.Context<any>>()

const asVoid = (out: unknown): unknown => (Effect.isEffect(out) ? Effect.asVoid(out) : undefined)

/** Dials a peer; one of the two has the chain. */
const dialling = (chain: any, layer: AnyLayer, side: "own" | "peer"): Effect.Effect<Call, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Layer.merge(layer, TestEndpoint.layer()) as Layer.Layer<any>)
    const made = (options: object) =>
      Effect.provideContext(
        Endpoint.make(options as any) as Effect.Effect<Endpoint.Endpoint["Service"], unknown, any>,
        context
      )
    const peer = yield* made({ alpns: [alpn], ...(side === "peer" && { hooks: chain }) })
    yield* Effect.forkScoped(Stream.runDrain(peer.incoming))
    const own = yield* made({ alpns: [], ...(side === "own" && { hooks: chain }) })
    return Effect.provideContext(
      Effect.scoped(own.connect(peer.addr, alpn)) as Effect.Effect<unknown>,
      ofCalls.get(chain) as Context.Context<any>
    )
  }) as any

export const endpoint: Adapter = {
  part: "endpoint",
  make: (name, run) => anyHooks.make(name, { beforeConnect: () => asVoid(run()) }),
  stateful: (name, make) =>
    anyHooks.make(name, (site: BuildSite) => {
      const run = make(site)
      return { beforeConnect: () => asVoid(run()) }
    }),
  service: (id, options) => (EndpointHooks.Service as any)()(id, options),
  composite: ({ discarded = [], interceptors, name, ofCall = noServices }) => {
    const opened: any = HookChain.make(name)
    for (const each of discarded) opened.use(each)
    const chain = interceptors.reduce<any>((all, next) => all.use(next), opened)
    ofCalls.set(chain, ofCall)
    return chain
  },
  append: (first, second) => first.append(second),
  build: (chain, layer = noLayer) => dialling(chain, layer, "own"),
  buildLimited: (chain, limiter) => dialling(chain, limiter, "peer"),
  isInterceptor: anyHooks.isEndpointHooks,
  takers: {
    use: (given) => HookChain.make("c").use(given),
    append: (given) => HookChain.make("c").append(given)
  },
  defects: "log",
  kind: "hooks",
  readyMade: {
    alpnPolicy: (options) => anyReady.alpnPolicy({ rules: [], ...options }),
    circuitBreaker: hooks.circuitBreaker,
    connectionLimit: anyReady.connectionLimit,
    metrics: hooks.metrics,
    rateLimit: (options) => hooks.rateLimit({ limit: 1, window: "1 second", ...options }),
    streamLimit: anyReady.streamLimit
  },
  invalid: [
    ...badLimits.map(
      (limit) => [`rateLimit limit ${limit}`, () => hooks.rateLimit({ limit, window: "1 second" })] as const
    ),
    ["rateLimit window", () => hooks.rateLimit({ limit: 1, window: 0 })],
    ["connectionLimit", () => anyReady.connectionLimit({ maxConnections: Number.NaN })],
    ["streamLimit below zero", () => anyReady.streamLimit({ maxStreams: -1 })],
    ["streamLimit", () => anyReady.streamLimit({ maxStreams: Number.NaN })],
    ["circuitBreaker", () => (hooks.circuitBreaker as any)({ openDuration: -1 })]
  ],
  rateLimit: ({ limit, name, window }) => hooks.rateLimit({ limit, window: window as "1 hour", ...(name && { name }) }),
  rateLimiter: RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
}
