/**
 * Passes each accepted connection to the handler of its protocol.
 *
 * **Example** (An echo protocol)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Alpn, ProtocolRouter } from "fairlead/endpoint"
 *
 * const router = ProtocolRouter.make("peers").route(Alpn.fromString("echo/1"), (connection) =>
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
 * Rules:
 *
 * 1. A handler runs in a separate fiber, with a scope that ends with it. `Reject` closes its connection with that code and reason, before the scope ends; a defect closes it
 *    with 500, is logged with the protocol's name, and ends nothing else.
 * 2. When a handler has ended well, the peer may still be reading: the connection is closed by the peer, or with code 0 when `linger` is over.
 * 3. When the application is to stop, or the router's scope ends, nobody is admitted any more; handlers hear of it by `Shutdown`, have `grace` to end, and are then
 *    interrupted; then the endpoint is closed.
 *
 * The model is iroh's `Router`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { logDefect } from "../core/CauseOrigin.ts"
import { infoOf } from "../core/Description.ts"
import type { Description } from "../core/Description.ts"
import * as Interceptor from "../core/Interceptor.ts"
import { hasTypeId } from "../core/InterceptorKind.ts"
import { checkOptions } from "../core/Options.ts"
import type { Reject } from "../core/Reject.ts"
import * as Shutdown from "../core/Shutdown.ts"
import type { Declared, Is, Yields } from "../core/Types.ts"
import { equals, format } from "./Alpn.ts"
import type { Alpn } from "./Alpn.ts"
import { make as closeCode } from "./CloseCode.ts"
import * as Endpoint from "./Endpoint.ts"
import type { EndpointConnection } from "./EndpointConnection.ts"
import type { BindError } from "./EndpointError.ts"
import type { EndpointTransport } from "./EndpointTransport.ts"
import { codeOfReject } from "./engine/Codes.ts"
import { Connected } from "./engine/Connected.ts"
import { engineOf } from "./engine/Engine.ts"
import * as HookChain from "./HookChain.ts"

const TypeId = "~fairlead/endpoint/ProtocolRouter"

/**
 * A router whose handlers need `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtocolRouter<in out R> extends Interceptor.Described<Description>, Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** The protocols that it handles. */
  readonly alpns: ReadonlyArray<Alpn>

  /** Adds the handler of a protocol. Throws when the protocol has one. */
  route<A>(
    alpn: Alpn,
    handler: (
      connection: EndpointConnection
    ) => A & Is<A, Yields<void>, "not an Effect of nothing"> & Declared<A, Reject>
  ): ProtocolRouter<R | Exclude<Effect.Services<A>, Scope.Scope | Endpoint.Endpoint>>
}

interface Route {
  readonly alpn: Alpn
  readonly handler: (connection: EndpointConnection) => Effect.Effect<void, Reject, any>
}

interface Value {
  readonly name: string
  readonly routes: ReadonlyArray<Route>
}

/**
 * Whether something is a protocol router.
 *
 * @category guards
 * @since 0.1.0
 */
export const isProtocolRouter: (u: unknown) => u is ProtocolRouter<any> = hasTypeId(TypeId)

const valueOf = (router: unknown): Value => router as Value

const from = (value: Value): ProtocolRouter<never> =>
  Object.assign(Object.create(Proto), value, { alpns: value.routes.map(({ alpn }) => alpn) })

const Proto = {
  [TypeId]: TypeId,
  get [Interceptor.TypeId](): Description {
    const { name, routes } = valueOf(this)
    const interceptors = routes.map(({ alpn }) => infoOf({ name: format(alpn), kind: "protocol" }))
    return { part: "endpoint", name, interceptors }
  },
  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  },
  route(this: Value, alpn: Alpn, handler: Route["handler"]) {
    if (this.routes.some((route) => equals(route.alpn, alpn))) {
      throw checkOptions(this.name).invalid(
        "route",
        `"${format(alpn)}" has a handler already: route each protocol once`
      )
    }
    return from({ ...this, routes: [...this.routes, { alpn, handler }] })
  }
}

/**
 * Opens a router.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): ProtocolRouter<never> => from({ name, routes: [] })

/**
 * Options of `layer`: those of an endpoint, whose protocols are the router's.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions<R> extends Omit<Endpoint.MakeOptions<R>, "alpns"> {
  /** How long handlers may take to end when the application is to stop. Default: 2 seconds. */
  readonly grace?: Duration.Input
  /** How long the peer may go on reading when a handler has ended well. Default: 5 seconds. */
  readonly linger?: Duration.Input
}

const zero = closeCode(0)

/** Runs a handler to its end, and ends its connection. */
const handle = (name: string, { alpn, handler }: Route, connection: EndpointConnection, linger: Duration.Duration) =>
  Effect.suspend(() => handler(connection)).pipe(
    // Close with the reason before the scope ends the streams.
    Effect.onExit((exit) => {
      const reject = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      return reject === undefined ? Effect.void : connection.close(codeOfReject(reject), reject.reason)
    }),
    Effect.scoped,
    Effect.andThen(Effect.timeoutOption(connection.closed, linger)),
    Effect.andThen(connection.close(zero, "")),
    Effect.catch(() => Effect.void),
    Effect.onInterrupt(() => connection.close(zero, "")),
    Effect.catchCauseIf(Cause.hasDies, (cause) => {
      const interceptor = format(alpn)
      const origin = { part: "endpoint", composite: name, interceptor, annotations: {} } as const
      return Effect.andThen(
        connection.close(closeCode(500), "internal error"),
        logDefect(`The handler of "${interceptor}" in protocol router "${name}" died`, cause, origin)
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
  options: LayerOptions<R2> & Endpoint.NoCycle<R2> = {} as never
): Layer.Layer<Endpoint.Endpoint, BindError, EndpointTransport | Exclude<R | R2, Scope.Scope>> => {
  const { name, routes } = valueOf(router)
  const check = checkOptions(name)
  const grace = check.duration("grace", options.grace ?? "2 seconds", { zero: true, infinite: true })
  const linger = check.duration("linger", options.linger ?? "5 seconds", { zero: true, infinite: true })
  return Layer.effect(
    Endpoint.Endpoint,
    Effect.gen(function* () {
      const hooks = options.hooks ?? HookChain.make(name)
      const application = yield* Shutdown.Shutdown
      const told = yield* Shutdown.make
      // Handlers are notified of the router's end too; they report to the application's `Shutdown`.
      const handlers: Shutdown.Shutdown = Object.assign(Object.create(application), {
        notified: told.notified,
        await: told.await
      })
      const endpoint = yield* Endpoint.make({ ...options, alpns: router.alpns, hooks })
      const running = yield* FiberSet.make<void>()

      const stop = Effect.gen(function* () {
        engineOf(endpoint)?.stopAdmitting()
        yield* told.notify
        yield* Effect.timeoutOption(FiberSet.awaitEmpty(running), grace)
        yield* FiberSet.clear(running)
        yield* endpoint.close
      })
      yield* Effect.addFinalizer(() => stop)
      yield* Effect.forkScoped(Effect.andThen(application.await, stop))
      yield* Stream.runForEach(endpoint.incoming, (connection) => {
        const route = routes.find(({ alpn }) => equals(alpn, connection.alpn))
        return route === undefined
          ? connection.close(closeCode(404), "no such protocol")
          : FiberSet.run(
              running,
              Connected.within(connection, handle(name, route, connection, linger)).pipe(
                Effect.provideService(Endpoint.Endpoint, endpoint),
                Effect.provideService(Shutdown.Shutdown, handlers)
              )
            )
      }).pipe(Effect.forkScoped)
      return endpoint
    })
  )
}
