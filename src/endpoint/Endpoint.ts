/**
 * An endpoint: connects to peers by their ids and takes their connections, all through its hooks. Its scope owns every connection.
 *
 * 1. A closed endpoint fails before any hook runs. Hooks run ahead of the checks of the address, so that they see what the application asked for.
 * 2. Handshakes and hooks of different connections run beside each other: one that hangs holds up no other.
 * 3. A connection that is dialled belongs to the scope of its `connect`; one that is accepted to the endpoint, until it is closed.
 * 4. An interrupted `connect` leaves nothing behind.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import * as Probe from "../core/Probe.ts"
import type { Connection } from "./Connection.ts"
import { Gate } from "./engine/Gate.ts"
import { guard } from "./engine/Guard.ts"
import type { BindError } from "./Errors.ts"
import { ConnectError, DialTimedOut, EndpointClosed, NoAddress, SelfConnect } from "./Errors.ts"
import type { LocallyRejected } from "./Errors.ts"
import * as HookChain from "./HookChain.ts"
import { closeCode } from "./Identity.ts"
import type { Alpn, EndpointAddr, EndpointId } from "./Identity.ts"
import { Transport } from "./Transport.ts"
import type { Carried, Knock } from "./Transport.ts"

/**
 * An endpoint.
 *
 * **Example** (Dialling)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Endpoint, Identity } from "fairlead/endpoint"
 *
 * const hello = (peer: Identity.EndpointAddr) =>
 *   Effect.gen(function*() {
 *     const endpoint = yield* Endpoint.Endpoint
 *     const connection = yield* endpoint.connect(peer, Identity.alpn("hello/1"))
 *     const stream = yield* connection.openUni
 *     yield* stream.write(new TextEncoder().encode("hello"))
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Endpoint extends Context.Service<
  Endpoint,
  {
    readonly id: EndpointId
    /** What others need to dial this endpoint. */
    readonly addr: EndpointAddr
    /** Connects; the connection is closed with code 0 when the scope ends. */
    readonly connect: (addr: EndpointAddr, alpn: Alpn) => Effect.Effect<Connection, ConnectError, Scope.Scope>
    /** The connections that were let in, each once. It ends when the endpoint is closed. */
    readonly incoming: Stream.Stream<Connection>
    /** Closes it and all its connections, whose peers are told. Closing again changes nothing. */
    readonly close: Effect.Effect<void>
    /** Waits until it is closed. */
    readonly closed: Effect.Effect<void>
  }
>()("fairlead/endpoint/Endpoint") {}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<R> {
  /** The protocols that are accepted. An endpoint without any only dials. */
  readonly alpns: ReadonlyArray<Alpn>
  /** Who decides which connections there are. Default: all are let in. */
  readonly hooks?: HookChain.HookChain<R>
  /** How long a dial and a handshake may take. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input
  /** How many peers may be in their handshake, or wait for the application, before others are refused. Default: 128. */
  readonly maxPending?: number
}

const zero = closeCode(0)

const fail = (reason: ConnectError["reason"]) => Effect.fail(new ConnectError({ reason }))

/** A rejected connection is closed with what its hook said. */
const rejected = (carried: Carried, rejection: LocallyRejected) =>
  Effect.andThen(carried.close(rejection.code, rejection.text), fail(rejection))

/** Makes an endpoint in the scope. Internal to the endpoint part; public as `layer`. */
export const make = <R>(options: Options<R>) =>
  Effect.gen(function* () {
    const { handshakeTimeout = "10 seconds", hooks = HookChain.make("none"), maxPending = 128 } = options
    const [probe, clock] = [yield* Probe.Probe, yield* Clock.Clock]
    const gate = new Gate(hooks.name, yield* HookChain.bind(hooks as HookChain.HookChain<R>), probe, clock)
    const transport = yield* Transport
    const bound = yield* transport.bind({ alpns: options.alpns })
    const scope = yield* Effect.scope
    const own = yield* Scope.fork(scope, "parallel")
    const accepted = yield* Queue.make<Connection, Cause.Done>()
    const watchers = yield* Scope.provide(FiberSet.make(), own)
    const ended = yield* Deferred.make<void>()
    let open = true

    const close = Effect.uninterruptible(
      Effect.suspend(() => {
        if (!open) return Effect.void
        open = false
        return Queue.end(accepted).pipe(
          Effect.andThen(bound.close),
          // Every connection has ended by now: its hooks hear of it, each within its time-out.
          Effect.andThen(FiberSet.awaitEmpty(watchers)),
          Effect.andThen(Scope.close(own, Exit.void)),
          Effect.andThen(Deferred.succeed(ended, undefined)),
          Effect.asVoid
        )
      })
    )
    yield* Effect.addFinalizer(() => close)

    const handshake = (shaken: Effect.Effect<Carried, ConnectError>): Effect.Effect<Carried, ConnectError> =>
      Effect.timeoutOrElse(shaken, { duration: handshakeTimeout, orElse: () => fail(new DialTimedOut({})) })

    /** Lets a connection in, or closes it; its end is told to the hooks wherever it came from. */
    const admit = (carried: Carried): Effect.Effect<Connection, ConnectError> =>
      gate.afterHandshake(carried).pipe(
        Effect.onInterrupt(() => carried.close(zero, "")),
        Effect.catchTag("LocallyRejected", (rejection) => rejected(carried, rejection)),
        Effect.andThen(
          FiberSet.run(
            watchers,
            Effect.flatMap(carried.closed, (reason) =>
              Effect.flatMap(carried.stats, (stats) => gate.onClose(carried, reason, stats))
            )
          )
        ),
        Effect.as(guard(carried, gate))
      )

    const connect = (addr: EndpointAddr, alpn: Alpn): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
      Effect.suspend(() => {
        if (!open) return fail(new EndpointClosed({}))
        return Effect.mapError(gate.beforeConnect(addr, alpn), (reason) => new ConnectError({ reason }))
      }).pipe(
        Effect.andThen(
          Effect.suspend(() => {
            if (!open) return fail(new EndpointClosed({}))
            if (addr.id === bound.id) return fail(new SelfConnect({}))
            if (addr.addrs.length === 0) return fail(new NoAddress({ id: addr.id }))
            return Effect.acquireRelease(handshake(bound.dial(addr, alpn)), (carried) => carried.close(zero, ""), {
              interruptible: true
            })
          })
        ),
        Effect.flatMap(admit)
      )

    const receive = (knock: Knock): Effect.Effect<void> =>
      gate.beforeAccept(knock).pipe(
        Effect.flatMap((admission) => {
          switch (admission) {
            case "accept":
              return Effect.flatMap(Effect.flatMap(handshake(knock.accept), admit), (connection) =>
                Effect.asVoid(Queue.offer(accepted, connection))
              )
            case "retry":
              return knock.retry ?? knock.refuse
            default:
              return knock[admission]
          }
        }),
        // Whoever did not get in was told by the transport or by the hook's rejection.
        Effect.catch((error) => Effect.logDebug("A peer did not get in", error))
      )

    if (options.alpns.length > 0) {
      let pending = 0
      yield* Effect.forkIn(
        Effect.forever(
          Effect.flatMap(bound.knock, (knock) => {
            if (pending + Queue.sizeUnsafe(accepted) >= maxPending) return knock.refuse
            pending++
            return Effect.forkIn(
              Effect.ensuring(
                receive(knock),
                Effect.sync(() => {
                  pending--
                })
              ),
              own
            )
          })
        ),
        own
      )
    }

    return Endpoint.of({
      id: bound.id,
      addr: bound.addr,
      connect,
      incoming: Stream.fromQueue(accepted),
      close,
      closed: Deferred.await(ended)
    })
  })

/**
 * An endpoint over the transport in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(
  options: Options<R> & NoCycle<R>
): Layer.Layer<Endpoint, BindError, Transport | Exclude<R, Scope.Scope>> =>
  Layer.effect(Endpoint, make(options as Options<R>))

/**
 * Refuses hooks that need the endpoint they decide for.
 *
 * @category checks
 * @since 0.1.0
 */
export type NoCycle<R> = Endpoint extends R ? { readonly hooks: "an endpoint's hook cannot require Endpoint" } : unknown
