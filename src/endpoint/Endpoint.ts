/**
 * An endpoint: connects to peers by their ids and takes their connections, all through its hooks. Its scope owns every connection.
 *
 * **Example** (Dialling)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Alpn, Endpoint } from "fairlead/endpoint"
 * import type { EndpointAddr } from "fairlead/endpoint"
 *
 * const hello = (peer: EndpointAddr.EndpointAddr) =>
 *   Effect.gen(function*() {
 *     const endpoint = yield* Endpoint.Endpoint
 *     const connection = yield* endpoint.connect(peer, Alpn.fromString("hello/1"))
 *     const stream = yield* connection.openUni
 *     yield* stream.write(new TextEncoder().encode("hello"))
 *   }).pipe(Effect.scoped)
 * ```
 *
 * Rules:
 *
 * 1. A closed endpoint fails before any hook runs. Hooks run before the checks of the address, so that they see what the application asked for.
 * 2. Handshakes and hooks of different connections run side by side: one that hangs holds up no other.
 * 3. A dialled connection belongs to the scope of its `connect`; an accepted one to the endpoint, until it is closed.
 * 4. An interrupted `connect` ends its attempt. A connection that ended while its hooks ran is not handed out.
 * 5. Closing it waits until the hooks have heard of the end of each connection.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import * as Composite from "../core/Composite.ts"
import { checkOptions } from "../core/Options.ts"
import * as Probe from "../core/Probe.ts"
import type { Alpn } from "./Alpn.ts"
import type { EndpointAddr } from "./EndpointAddr.ts"
import type { EndpointConnection } from "./EndpointConnection.ts"
import type { Connections } from "./EndpointConnections.ts"
import type { BindError, ConnectError } from "./EndpointError.ts"
import type { EndpointId } from "./EndpointId.ts"
import { EndpointTransport } from "./EndpointTransport.ts"
import { Deadlines } from "./engine/Deadlines.ts"
import { Engine, noteEngine } from "./engine/Engine.ts"
import { Environment } from "./engine/Environment.ts"
import { Gate } from "./engine/Gate.ts"
import { Registry } from "./engine/Registry.ts"
import type * as HookChain from "./HookChain.ts"
import type { HooksValue } from "./HooksValue.ts"
import { Mailbox } from "./transport/Source.ts"

export type { ConnectionChange, Connections } from "./EndpointConnections.ts"

/**
 * An endpoint.
 *
 * @category services
 * @since 0.1.0
 */
export class Endpoint extends Context.Service<
  Endpoint,
  {
    readonly id: EndpointId
    /** The current address of this endpoint, for others to dial it. */
    readonly addr: EndpointAddr
    /** The address, now and whenever it has changed; the transport is asked every 5 seconds. */
    readonly addrs: Stream.Stream<EndpointAddr>
    /** Connects; the connection is closed with code 0 when the scope ends. An id alone will do where the transport can find the peer. */
    readonly connect: (
      peer: EndpointAddr | EndpointId,
      alpn: Alpn
    ) => Effect.Effect<EndpointConnection, ConnectError, Scope.Scope>
    /** The admitted connections, each once. It ends when the endpoint is closed. */
    readonly incoming: Stream.Stream<EndpointConnection>
    /** The open connections, dialled or accepted, and their changes. */
    readonly connections: Connections
    /** Changes the accepted protocols, for new connections. */
    readonly setAlpns: (alpns: ReadonlyArray<Alpn>) => Effect.Effect<void>
    /** Closes it and all its connections, with code 0 to their peers. Closing again changes nothing. */
    readonly close: Effect.Effect<void>
    /** Waits until it is closed. */
    readonly closed: Effect.Effect<void>
  }
>()("fairlead/endpoint/Endpoint") {}

/**
 * Options of `make` and `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions<R> {
  /** The accepted protocols. An endpoint without any only dials. */
  readonly alpns: ReadonlyArray<Alpn>
  /** The hooks that decide on connections. Default: all are admitted. */
  readonly hooks?: HookChain.HookChain<R>
  /** How long a dial and a handshake may take. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input
  /** How many peers may be in their handshake, or wait for the application, before others are refused. Default: 128. */
  readonly maxPending?: number
}

/** How many changes of connections wait for a slow subscriber. */
const maxChanges = 1024

/**
 * Makes an endpoint that lives as long as the scope: where a program has several, or one for a while. See `layer` for the one of an application.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never>(
  options: MakeOptions<R> & NoCycle<R>
): Effect.Effect<Endpoint["Service"], BindError, EndpointTransport | Scope.Scope | R> => {
  const { alpns, handshakeTimeout = "10 seconds", hooks, maxPending = 128 }: MakeOptions<R> = options
  const name = hooks?.name ?? "endpoint"
  const check = checkOptions(name)
  const timeout = check.duration("handshakeTimeout", handshakeTimeout, { infinite: true })
  check.maximum("maxPending", maxPending)
  return Effect.gen(function* () {
    const [probe, clock] = [yield* Probe.Probe, yield* Clock.Clock]
    const context = yield* Effect.context()
    const environment = new Environment(name, context, clock, probe)
    const deadlines = new Deadlines(clock, (effect) => environment.background(effect))
    const built = hooks === undefined ? [] : yield* Composite.build<HooksValue>(Composite.cast(hooks))
    // Annotated, since TypeScript 6 sees a circle between the two without `exactOptionalPropertyTypes`.
    const gate: Gate = new Gate(environment, built, deadlines, (addr, alpn) => engine.connect(addr, alpn))
    const accepted = new Mailbox<EndpointConnection, Cause.Done>()
    const registry = yield* Registry.make(maxChanges)
    const engine = new Engine({
      environment,
      gate,
      deadlines,
      registry,
      accepted,
      handshakeTimeout: timeout,
      maxPending
    })
    const { bind } = yield* EndpointTransport
    const bound = yield* bind({ alpns, onIncoming: engine.receive, inspects: gate.seesKnocks })
    engine.bind(bound)
    yield* Effect.addFinalizer(() => engine.close)

    const current = Effect.sync(bound.addr)
    const endpoint = Endpoint.of({
      id: bound.id,
      get addr() {
        return bound.addr()
      },
      addrs: Stream.fromEffectSchedule(current, Schedule.spaced("5 seconds")).pipe(
        Stream.changesWith(sameAddr),
        Stream.interruptWhen(engine.closed)
      ),
      connect: (peer, alpn) => engine.connect(typeof peer === "string" ? { id: peer, addrs: [] } : peer, alpn),
      // One at a time: a consumer that stops must not have taken what it does not see.
      incoming: Stream.fromPull(Effect.succeed(Effect.map(accepted.source.next, Arr.of))),
      connections: registry.connections,
      setAlpns: (next) => Effect.sync(() => bound.setAlpns(next)),
      close: engine.close,
      closed: engine.closed
    })
    return noteEngine(endpoint, engine)
  })
}

const sameAddr = (a: EndpointAddr, b: EndpointAddr): boolean =>
  a.addrs.length === b.addrs.length && a.addrs.every((addr, index) => addr === b.addrs[index])

/**
 * An endpoint over the transport in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(
  options: MakeOptions<R> & NoCycle<R>
): Layer.Layer<Endpoint, BindError, EndpointTransport | R> => Layer.effect(Endpoint, make(options))

/**
 * Refuses hooks that need the endpoint they decide for.
 *
 * @category checks
 * @since 0.1.0
 */
export type NoCycle<R> = Endpoint extends R ? { readonly hooks: "an endpoint's hook cannot require Endpoint" } : unknown
