/**
 * An endpoint: connects to peers by their ids and takes their connections, all through its hooks. Its scope owns every connection.
 *
 * 1. A closed endpoint fails before any hook runs. Hooks run ahead of the checks of the address, so that they see what the application asked for.
 * 2. Handshakes and hooks of different connections run beside each other: one that hangs holds up no other.
 * 3. A connection that is dialled belongs to the scope of its `connect`; one that is accepted to the endpoint, until it is closed.
 * 4. An interrupted `connect` leaves nothing behind.
 * 5. Closing it waits until the hooks have heard of the end of each connection.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
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

/** A connection on its way to the application. */
interface Attempt {
  /** Ends with the attempt. */
  readonly scope: Scope.Closeable
  /** Ends with the connection. */
  readonly life: Scope.Closeable
  /** What there is of the connection: it is closed when the attempt comes to nothing. */
  carried: Carried | undefined
}

/** Runs an attempt. What it makes belongs to somebody before an interruption can lose it. */
const attempt = <A extends Connection | undefined>(
  body: (own: Attempt) => Effect.Effect<A, ConnectError>,
  keep: (connection: A, own: Attempt) => Effect.Effect<unknown>
): Effect.Effect<A, ConnectError> =>
  Effect.suspend(() => {
    const own: Attempt = { scope: Scope.makeUnsafe(), life: Scope.makeUnsafe(), carried: undefined }
    return Effect.onExit(body(own), (exit) =>
      Effect.andThen(
        Exit.isSuccess(exit) ? keep(exit.value, own) : (own.carried?.close(zero, "") ?? Effect.void),
        Scope.close(own.scope, exit)
      )
    )
  })

/**
 * Makes an endpoint that lives as long as the scope: where a program has several, or one for a while. See `layer` for the one of an application.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never>(
  options: Options<R> & NoCycle<R>
): Effect.Effect<Endpoint["Service"], BindError, Transport | Scope.Scope | R> =>
  Effect.gen(function* () {
    const { alpns, handshakeTimeout = "10 seconds", hooks, maxPending = 128 }: Options<R> = options
    const [probe, clock] = [yield* Probe.Probe, yield* Clock.Clock]
    const bindings = hooks === undefined ? [] : yield* HookChain.bind(hooks)
    const gate = new Gate(hooks?.name ?? "none", bindings, probe, clock, (addr, alpn) => connect(addr, alpn))
    const transport = yield* Transport
    const bound = yield* transport.bind({ alpns })
    const watchers = yield* FiberSet.make<void>()
    const own = yield* Scope.fork(yield* Effect.scope, "parallel")
    const accepted = yield* Queue.make<Connection, Cause.Done>()
    const [closing, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    let open = true

    const close = Effect.uninterruptible(
      Effect.suspend(() => {
        if (!open) return Deferred.await(ended)
        open = false
        return Queue.end(accepted).pipe(
          Effect.andThen(Deferred.succeed(closing, undefined)),
          Effect.andThen(bound.close),
          Effect.andThen(Scope.close(own, Exit.void)),
          // Every connection has ended by now: its hooks hear of it, each within its time-out.
          Effect.andThen(FiberSet.awaitEmpty(watchers)),
          Effect.andThen(Deferred.succeed(ended, undefined)),
          Effect.asVoid
        )
      })
    )
    yield* Effect.addFinalizer(() => close)

    const handshake = (
      own: Attempt,
      shaken: Effect.Effect<Carried, ConnectError>
    ): Effect.Effect<Carried, ConnectError> =>
      shaken.pipe(
        // It may come when the time is just over: then nobody takes it, and the attempt closes it.
        Effect.map((carried) => (own.carried = carried)),
        Effect.timeoutOrElse({ duration: handshakeTimeout, orElse: () => fail(new DialTimedOut({})) })
      )

    /** Tells the hooks of a connection's end, whether it was let in or not. */
    const watch = (carried: Carried, life: Scope.Closeable): Effect.Effect<unknown> =>
      FiberSet.run(
        watchers,
        carried.closed.pipe(
          Effect.flatMap((reason) => Effect.flatMap(carried.stats, (stats) => gate.onClose(carried, reason, stats))),
          Effect.andThen(Scope.close(life, Exit.void))
        )
      )

    /** Lets a connection in, or closes it with what its hook said. */
    const admit = (own: Attempt, carried: Carried): Effect.Effect<Connection, ConnectError> =>
      gate.afterHandshake(carried, own.life).pipe(
        Effect.onExit(() => watch(carried, own.life)),
        Effect.catch((rejection) => Effect.andThen(carried.close(rejection.code, rejection.text), fail(rejection))),
        Effect.map(() => guard(carried, gate))
      )

    const dial = (own: Attempt, addr: EndpointAddr, alpn: Alpn): Effect.Effect<Connection, ConnectError> =>
      Effect.suspend(() => {
        if (!open) return fail(new EndpointClosed({}))
        return Effect.mapError(gate.beforeConnect(addr, alpn, own.scope), (reason) => new ConnectError({ reason }))
      }).pipe(
        Effect.andThen(
          Effect.suspend(() => {
            if (addr.id === bound.id) return fail(new SelfConnect({}))
            if (addr.addrs.length === 0) return fail(new NoAddress({ id: addr.id }))
            return Effect.flatMap(handshake(own, bound.dial(addr, alpn)), (carried) => admit(own, carried))
          })
        ),
        Effect.raceFirst(Effect.andThen(Deferred.await(closing), fail(new EndpointClosed({}))))
      )

    const connect = (addr: EndpointAddr, alpn: Alpn): Effect.Effect<Connection, ConnectError, Scope.Scope> =>
      Effect.flatMap(Effect.scope, (scope) =>
        attempt(
          (own) => dial(own, addr, alpn),
          (connection, { life }) =>
            Effect.flatMap(Scope.fork(scope), (lease) =>
              Effect.andThen(
                Scope.addFinalizer(lease, connection.close(zero, "")),
                // A scope that outlives its connections keeps nothing of them.
                Scope.addFinalizer(life, Scope.close(lease, Exit.void))
              )
            )
        )
      )

    const answer = (own: Attempt, knock: Knock): Effect.Effect<Connection | undefined, ConnectError> =>
      Effect.flatMap(gate.beforeAccept(knock, own.scope), (admission) => {
        if (admission === "accept")
          return Effect.flatMap(handshake(own, knock.accept), (carried) => admit(own, carried))
        return Effect.as(admission === "retry" ? (knock.retry ?? knock.refuse) : knock[admission], undefined)
      })

    const receive = (knock: Knock): Effect.Effect<void> =>
      attempt(
        (own) => answer(own, knock),
        (connection) => (connection === undefined ? Effect.void : Queue.offer(accepted, connection))
      ).pipe(
        // Whoever did not get in was told by the transport or by the hook's rejection.
        Effect.catch((error) => Effect.logDebug("A peer did not get in", error)),
        Effect.asVoid
      )

    if (alpns.length > 0) {
      let pending = 0
      const done = Effect.sync(() => {
        pending--
      })
      yield* Effect.forkIn(
        Effect.forever(
          Effect.flatMap(bound.knock, (knock) => {
            if (pending + Queue.sizeUnsafe(accepted) >= maxPending) return knock.refuse
            pending++
            return Effect.forkIn(Effect.ensuring(receive(knock), done), own)
          })
        ),
        own
      )
    }

    return Endpoint.of({
      id: bound.id,
      addr: bound.addr,
      connect,
      // One at a time: a consumer that stops must not have taken what it does not see.
      incoming: Stream.fromPull(Effect.succeed(Effect.map(Queue.take(accepted), Arr.of))),
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
export const layer = <R = never>(options: Options<R> & NoCycle<R>): Layer.Layer<Endpoint, BindError, Transport | R> =>
  Layer.effect(Endpoint, make(options))

/**
 * Refuses hooks that need the endpoint they decide for.
 *
 * @category checks
 * @since 0.1.0
 */
export type NoCycle<R> = Endpoint extends R ? { readonly hooks: "an endpoint's hook cannot require Endpoint" } : unknown
