/**
 * A network in memory, with weather: latency, jitter, loss, partitions and knocks out of order, all by the `Clock` and `Random` that it was built with.
 *
 * 1. It proves no keys: an endpoint is whoever it was bound as. Ids count from 1, addresses are `memory:1` and so on.
 * 2. A handshake takes a round trip for who dials, and half of one more for who accepts. Where nobody is, nobody answers.
 * 3. Streams arrive whole and in order. A stream holds back its writer when `window` bytes are unread, a connection its opener when `maxStreams` are open.
 * 4. Between endpoints that are parted nothing passes, until they are healed. Their connections time out after `idleTimeout`.
 * 5. `loss` is the share of dials and datagrams that never arrive. A dial that is lost is not sent again.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"

import { Datagrams, fromTransport } from "../../endpoint/Datagrams.ts"
import { EndpointId } from "../../endpoint/Identity.ts"
import { Transport } from "../../endpoint/Transport.ts"
import { Carrier } from "./Carrier.ts"
import { Parted } from "./Link.ts"
import type { Air } from "./Link.ts"
import { Node } from "./Node.ts"
import type { Network } from "./Node.ts"

/**
 * The weather of a network.
 *
 * @category models
 * @since 0.1.0
 */
export interface Weather {
  /** How long one way takes. Default: no time. */
  readonly latency?: Duration.Input
  /** How much longer it may take, by chance. Default: no time. */
  readonly jitter?: Duration.Input
  /** The share of dials and datagrams that are lost, from 0 to 1. Default: 0. */
  readonly loss?: number
}

/**
 * Options of `layerNetwork`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Weather {
  /** How long connections between parted endpoints last. Default: 30 seconds. */
  readonly idleTimeout?: Duration.Input
  /** How many unread bytes a stream holds. Default: 64 KiB. */
  readonly window?: number
  /** How many streams of a kind a side of a connection may have open. Default: 100. */
  readonly maxStreams?: number
}

/**
 * A network in memory.
 *
 * **Example** (A partition)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Endpoint, Identity } from "fairlead/endpoint"
 * import { layer, MemoryNetwork } from "fairlead/testing/endpoint"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* MemoryNetwork
 *   const alpn = Identity.alpn("chat/1")
 *   const [ada, bob] = [yield* Endpoint.make({ alpns: [] }), yield* Endpoint.make({ alpns: [alpn] })]
 *   const connection = yield* ada.connect(bob.addr, alpn)
 *   yield* network.part(ada.id, bob.id)
 *   return yield* connection.closed // TimedOut, after 30 seconds
 * }).pipe(Effect.scoped, Effect.provide(layer({ latency: "20 millis" })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<
  MemoryNetwork,
  {
    /** Lets nothing pass between two endpoints. */
    readonly part: (a: EndpointId, b: EndpointId) => Effect.Effect<void>
    /** Lets pass again what waits between them. */
    readonly heal: (a: EndpointId, b: EndpointId) => Effect.Effect<void>
    /** Holds the next knocks until that many have come, and lets them arrive in reverse. */
    readonly reorder: (knocks: number) => Effect.Effect<void>
    /** Changes the weather for what is sent from now on. */
    readonly change: (weather: Weather) => Effect.Effect<void>
    /** What endpoints bind to. */
    readonly transport: Transport["Service"]
  }
>()("fairlead/testing/endpoint/MemoryNetwork") {}

const millis = (duration: Duration.Input = 0): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

/**
 * A network of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNetwork = (options: Options = {}): Layer.Layer<MemoryNetwork> =>
  Layer.effect(
    MemoryNetwork,
    Effect.gen(function* () {
      const { idleTimeout = "30 seconds", maxStreams = 100, window = 65_536 } = options
      const [clock, random] = [yield* Clock.Clock, yield* Random.Random]
      const run = yield* FiberSet.makeRuntime()
      const nodes = new Map<string, Node>()
      const held: Array<() => void> = []
      let weather: Weather = options
      let holding = 0
      let bound = 0

      const air: Air = {
        clock,
        delay: () => millis(weather.latency) + random.nextDoubleUnsafe() * millis(weather.jitter),
        loses: () => random.nextDoubleUnsafe() < (weather.loss ?? 0),
        run,
        parted: new Parted()
      }
      const network: Network = {
        air,
        bounds: { window, maxStreams },
        at: (address) => nodes.get(address),
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

      return MemoryNetwork.of({
        part: (a, b) =>
          Effect.sync(() => {
            if (air.parted.has(a, b)) return
            air.parted.set(a, b, true)
            const healed = air.parted.changed.until(() => (air.parted.has(a, b) ? undefined : Exit.void))
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
        change: (next) =>
          Effect.sync(() => {
            weather = { ...weather, ...next }
          }),
        transport: {
          bind: ({ alpns }) =>
            Effect.acquireRelease(
              Effect.sync(() => {
                const number = ++bound
                const id = EndpointId.make(number.toString(16).padStart(64, "0"))
                const node = new Node(network, id, `memory:${number}`, alpns)
                nodes.set(node.address, node)
                return node.bound
              }),
              ({ close }) => close
            )
        }
      })
    })
  )

/**
 * The transport over the network in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport: Layer.Layer<Transport, never, MemoryNetwork> = Layer.effect(
  Transport,
  Effect.map(MemoryNetwork, ({ transport }) => transport)
)

/**
 * The datagrams of memory networks.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagrams: Layer.Layer<Datagrams> = Layer.succeed(
  Datagrams,
  fromTransport((carried) => (carried instanceof Carrier ? carried.datagrams : undefined))
)

/**
 * A network of its own, the transport over it, and its datagrams.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<MemoryNetwork | Transport | Datagrams> =>
  Layer.merge(layerDatagrams, Layer.provideMerge(layerTransport, layerNetwork(options)))
