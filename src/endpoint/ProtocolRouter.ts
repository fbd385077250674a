/**
 * Gives each accepted connection to the handler of its protocol.
 *
 * 1. A handler runs in a fiber of its own, with a scope that ends with it. `Reject` closes its connection with that code and reason; a defect closes it with 500,
 *    is logged with the protocol's name, and ends nothing else.
 * 2. When a handler has ended well, the peer may still be reading: the connection is closed by the peer, or with code 0 when `linger` is over.
 * 3. When the application is to stop, nobody is let in any more; handlers have `grace` to end, hear of it by `Shutdown`, and are then interrupted; then the
 *    endpoint is closed.
 *
 * The model is iroh's `Router`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import * as Drawing from "../core/Drawing.ts"
import * as Interceptor from "../core/Interceptor.ts"
import * as Shutdown from "../core/Shutdown.ts"
import type { Declared, Is, Yields } from "../core/Types.ts"
import type { Connection } from "./Connection.ts"
import * as Endpoint from "./Endpoint.ts"
import * as EndpointHooks from "./EndpointHooks.ts"
import type { BindError, Reject } from "./Errors.ts"
import * as HookChain from "./HookChain.ts"
import { alpnText, closeCode, sameAlpn } from "./Identity.ts"
import type { Alpn } from "./Identity.ts"
import type { Transport } from "./Transport.ts"

const TypeId = "~fairlead/endpoint/ProtocolRouter"

/**
 * A router whose handlers need `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtocolRouter<in out R> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** The protocols that it handles. */
  readonly alpns: ReadonlyArray<Alpn>

  /** Adds the handler of a protocol. Throws when the protocol has one. */
  route<A>(
    alpn: Alpn,
    handler: (
      connection: Connection
    ) => A & Is<A, Yields<void>, "not an Effect that gives nothing"> & Declared<A, Reject>
  ): ProtocolRouter<R | Exclude<Effect.Services<A>, Scope.Scope | Endpoint.Endpoint>>

  /** Asks whether a peer may come in, before the handshake: with `false` it is refused. Several filters must all agree. */
  filter(may: (remote: EndpointHooks.Remote) => boolean): ProtocolRouter<R>
}

interface Route {
  readonly alpn: Alpn
  readonly handler: (connection: Connection) => Effect.Effect<void, Reject, any>
}

interface Value {
  readonly name: string
  readonly routes: ReadonlyArray<Route>
  readonly filters: ReadonlyArray<(remote: EndpointHooks.Remote) => boolean>
}

const from = (value: Value): ProtocolRouter<never> =>
  Object.assign(Object.create(Proto), value, { alpns: value.routes.map(({ alpn }) => alpn) })

const Proto = {
  [TypeId]: TypeId,
  route(this: Value, alpn: Alpn, handler: Route["handler"]) {
    if (this.routes.some((route) => sameAlpn(route.alpn, alpn))) {
      throw new TypeError(`Protocol router "${this.name}": "${alpnText(alpn)}" has a handler already`)
    }
    return from({ ...this, routes: [...this.routes, { alpn, handler }] })
  },
  filter(this: Value, may: Value["filters"][number]) {
    return from({ ...this, filters: [...this.filters, may] })
  }
}

/**
 * Opens a router.
 *
 * **Example** (An echo protocol)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Identity, ProtocolRouter } from "fairlead/endpoint"
 *
 * const router = ProtocolRouter.make("peers").route(Identity.alpn("echo/1"), (connection) =>
 *   Effect.gen(function*() {
 *     const { recv, send } = yield* Effect.orDie(connection.acceptBi)
 *     let bytes = yield* Effect.orDie(recv.read())
 *     while (Option.isSome(bytes)) {
 *       yield* Effect.orDie(send.write(bytes.value))
 *       bytes = yield* Effect.orDie(recv.read())
 *     }
 *   })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): ProtocolRouter<never> => from({ name, routes: [], filters: [] })

/**
 * Options of `layer`: those of an endpoint, whose protocols are the router's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<R> extends Omit<Endpoint.Options<R>, "alpns"> {
  /** How long handlers may take to end when the application is to stop. Default: 2 seconds. */
  readonly grace?: Duration.Input
  /** How long the peer may go on reading when a handler has ended well. Default: 5 seconds. */
  readonly linger?: Duration.Input
}

const zero = closeCode(0)

/** Runs a handler to its end, and ends its connection. */
const handle = (name: string, { alpn, handler }: Route, connection: Connection, linger: Duration.Input) =>
  Effect.suspend(() => handler(connection)).pipe(
    Effect.scoped,
    Effect.andThen(Effect.timeoutOption(connection.closed, linger)),
    Effect.andThen(connection.close(zero, "")),
    Effect.catchTag("fairlead/endpoint/Reject", ({ code, reason }) => connection.close(code, reason)),
    Effect.onInterrupt(() => connection.close(zero, "")),
    Effect.catchCauseIf(Cause.hasDies, (cause) => {
      const interceptor = alpnText(alpn)
      const origin = { part: "endpoint", composite: name, interceptor, annotations: {} } as const
      return Effect.andThen(
        connection.close(closeCode(500), "internal error"),
        Effect.logError(
          `The handler of "${interceptor}" in protocol router "${name}" died`,
          Interceptor.annotate(cause, origin)
        )
      )
    })
  )

/**
 * An endpoint whose connections go to the router's handlers.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R, R2 = never>(
  router: ProtocolRouter<R>,
  options: Options<R2> & Endpoint.NoCycle<R2> = {} as never
): Layer.Layer<Endpoint.Endpoint, BindError, Transport | Exclude<R | R2, Scope.Scope>> =>
  Layer.effect(
    Endpoint.Endpoint,
    Effect.gen(function* () {
      const { filters, name, routes } = router as unknown as Value
      const { grace = "2 seconds", linger = "5 seconds" } = options
      let stopping = false
      const door = EndpointHooks.make(`${name} filter`, {
        beforeAccept: (remote) => (stopping || !filters.every((may) => may(remote)) ? "refuse" : "accept")
      })
      const hooks = HookChain.make(options.hooks?.name ?? name).use(door)
      const chain: HookChain.HookChain<R2> =
        options.hooks === undefined ? (hooks as never) : hooks.append(options.hooks)
      const shutdown = yield* Shutdown.Shutdown
      const endpoint = yield* Endpoint.make({ ...options, alpns: router.alpns, hooks: chain })
      const running = yield* FiberSet.make<void>()

      const stop = Effect.gen(function* () {
        stopping = true
        yield* Effect.timeoutOption(FiberSet.awaitEmpty(running), grace)
        yield* FiberSet.clear(running)
        yield* endpoint.close
      })
      yield* Effect.addFinalizer(() => stop)
      yield* Effect.forkScoped(Effect.andThen(shutdown.await, stop))
      yield* Stream.runForEach(endpoint.incoming, (connection) => {
        const route = routes.find(({ alpn }) => sameAlpn(alpn, connection.alpn))
        return route === undefined
          ? connection.close(closeCode(404), "no such protocol")
          : FiberSet.run(
              running,
              Effect.provideService(handle(name, route, connection, linger), Endpoint.Endpoint, endpoint)
            )
      }).pipe(Effect.forkScoped)
      return endpoint
    })
  )

/**
 * The router as data.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <R>(router: ProtocolRouter<R>): Interceptor.Description => ({
  part: "endpoint",
  name: router.name,
  interceptors: router.alpns.map((alpn) => ({
    name: alpnText(alpn),
    kind: "protocol",
    provides: [],
    recovers: [],
    inner: []
  }))
})

/**
 * The router as text.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = <R>(router: ProtocolRouter<R>): string => Drawing.toText(describe(router))
