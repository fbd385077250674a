/**
 * A network in memory, under conditions that a test sets: latency, jitter, loss, partitions and knocks out of order, all by the `Clock` and `Random` that it was built with.
 *
 * 1. It proves no keys: an endpoint is whoever it was bound as. Ids count from 1, addresses are `memory:1` and so on.
 * 2. A handshake takes a round trip for who dials, and half of one more for who accepts. Where nobody is, nobody answers.
 * 3. Streams arrive whole and in order. A stream holds back its writer when `window` bytes are unread, a connection its opener when `maxStreams` are open.
 * 4. During a partition nothing passes between two endpoints, until `heal`. Their connections time out after `idleTimeout`.
 * 5. `loss` is the share of dials and datagrams that never arrive. A lost dial is not sent again.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"

import { Datagrams } from "../../endpoint/Datagrams.ts"
import { EndpointId } from "../../endpoint/EndpointId.ts"
import { datagramsOf, EndpointTransport } from "../../endpoint/EndpointTransport.ts"
import { Carrier } from "./Carrier.ts"
import { Parted } from "./Link.ts"
import type { Air } from "./Link.ts"
import { MemoryEndpoint } from "./MemoryEndpoint.ts"
import type { Network } from "./MemoryEndpoint.ts"

/**
 * The conditions of a network.
 *
 * @category models
 * @since 0.1.0
 */
export interface NetworkConditions {
  /** How long one way takes. Default: no time. */
  readonly latency?: Duration.Input
  /** How much longer it may take, by chance. Default: no time. */
  readonly jitter?: Duration.Input
  /** The share of lost dials and datagrams, from 0 to 1. Default: 0. */
  readonly loss?: number
}

/**
 * Options of `layer` and `layerNetwork`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions extends NetworkConditions {
  /** How long connections between parted endpoints last. Default: 30 seconds. */
  readonly idleTimeout?: Duration.Input
  /** How many unread bytes a stream holds. Default: 64 KiB. */
  readonly window?: number
  /** How many streams of a kind a side of a connection may have open. Default: 100. */
  readonly maxStreams?: number
  /** Whether endpoints find each other by their ids alone. Default: false. */
  readonly discovery?: boolean
}

/**
 * A network in memory.
 *
 * **Example** (A partition)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Alpn, Endpoint } from "fairlead/endpoint"
 * import { TestEndpoint } from "fairlead/testing/endpoint"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* TestEndpoint.MemoryNetwork
 *   const alpn = Alpn.fromString("chat/1")
 *   const [ada, bob] = [yield* Endpoint.make({ alpns: [] }), yield* Endpoint.make({ alpns: [alpn] })]
 *   const connection = yield* ada.connect(bob.addr, alpn)
 *   yield* network.partition(ada.id, bob.id)
 *   return yield* connection.closed // TimedOut, after 30 seconds
 * }).pipe(Effect.scoped, Effect.provide(TestEndpoint.layer({ latency: "20 millis" })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<
  MemoryNetwork,
  {
    /** Lets nothing pass between two endpoints. */
    readonly partition: (a: EndpointId, b: EndpointId) => Effect.Effect<void>
    /** Lets pass again what waits between them. */
    readonly heal: (a: EndpointId, b: EndpointId) => Effect.Effect<void>
    /** Holds the next knocks until that many have come, and lets them arrive in reverse. */
    readonly reorder: (knocks: number) => Effect.Effect<void>
    /** Changes the conditions for everything sent later. */
    readonly setConditions: (conditions: NetworkConditions) => Effect.Effect<void>
    /** The transport for endpoints; each `bind` gets the next id. */
    readonly transport: EndpointTransport["Service"]
    /** The transport for an endpoint with a chosen id. */
    readonly transportAs: (id: EndpointId) => EndpointTransport["Service"]
  }
>()("fairlead/testing/endpoint/MemoryNetwork") {}

const millis = (duration: Duration.Input = 0): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

/**
 * A new network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNetwork = (options: LayerOptions = {}): Layer.Layer<MemoryNetwork> =>
  Layer.effect(
    MemoryNetwork,
    Effect.gen(function* () {
      const { discovery = false, idleTimeout = "30 seconds", maxStreams = 100, window = 65_536 } = options
      const [clock, random] = [yield* Clock.Clock, yield* Random.Random]
      const run = yield* FiberSet.makeRuntime()
      const nodes = new Map<string, MemoryEndpoint>()
      const held: Array<() => void> = []
      let conditions: NetworkConditions = options
      let holding = 0
      let bound = 0

      const air: Air = {
        clock,
        latency: () => millis(conditions.latency),
        delay: () => millis(conditions.latency) + random.nextDoubleUnsafe() * millis(conditions.jitter),
        loses: () => random.nextDoubleUnsafe() < (conditions.loss ?? 0),
        run,
        parted: new Parted()
      }
      const network: Network = {
        air,
        bounds: { window, maxStreams },
        finds: discovery,
        at: (address) => nodes.get(address),
        byId: (id) => [...nodes.values()].find((node) => node.id === id),
        arrive(knock) {
          if (holding === 0) return knock()
          held.unshift(knock)
          if (held.length < holding) return
          holding = 0
          for (const late of held.splice(0)) late()
        },
        leave: (node) => nodes.delete(node.address)
      }

      const expire = (a: EndpointId, b: EndpointId): Effect.Effect<void> =>
        Effect.sync(() => {
          for (const node of nodes.values()) {
            if (node.id !== a) continue
            for (const carrier of node.connections) if (carrier.remoteId === b) carrier.lose()
          }
        })

      const transportAs = (chosen: EndpointId | undefined): EndpointTransport["Service"] => ({
        bind: (bindOptions) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const number = ++bound
              const id = chosen ?? EndpointId.make(number.toString(16).padStart(64, "0"))
              const node = new MemoryEndpoint(network, id, `memory:${number}`, bindOptions)
              nodes.set(node.address, node)
              return node.bound
            }),
            ({ close }) => close
          )
      })

      return MemoryNetwork.of({
        partition: (a, b) =>
          Effect.sync(() => {
            if (air.parted.has(a, b)) return
            air.parted.set(a, b, true)
            const healed = air.parted.until(() => !air.parted.has(a, b))
            run(
              Effect.timeoutOrElse(healed, {
                duration: idleTimeout,
                orElse: () => Effect.andThen(expire(a, b), expire(b, a))
              })
            )
          }),
        heal: (a, b) => Effect.sync(() => air.parted.set(a, b, false)),
        reorder: (knocks) =>
          Effect.sync(() => {
            holding = knocks
          }),
        setConditions: (next) =>
          Effect.sync(() => {
            conditions = { ...conditions, ...next }
          }),
        transport: transportAs(undefined),
        transportAs
      })
    })
  )

/**
 * The transport over the network in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport: Layer.Layer<EndpointTransport, never, MemoryNetwork> = Layer.effect(
  EndpointTransport,
  Effect.map(MemoryNetwork, ({ transport }) => transport)
)

/**
 * The transport over the network in use, for an endpoint with an id of one's choice.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransportAs = (id: EndpointId): Layer.Layer<EndpointTransport, never, MemoryNetwork> =>
  Layer.effect(
    EndpointTransport,
    Effect.map(MemoryNetwork, ({ transportAs }) => transportAs(id))
  )

/**
 * The datagrams of memory networks.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagrams: Layer.Layer<Datagrams> = Layer.succeed(
  Datagrams,
  datagramsOf((carried) => (carried instanceof Carrier ? carried.datagrams : undefined))
)

/**
 * A new network, the transport over it, and its datagrams.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<MemoryNetwork | EndpointTransport | Datagrams> =>
  Layer.merge(layerDatagrams, Layer.provideMerge(layerTransport, layerNetwork(options)))
