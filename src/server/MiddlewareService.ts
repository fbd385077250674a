/**
 * Class-tagged middleware: a before whose implementation is a Layer.
 *
 * The class says what the middleware provides, raises and needs; it is used in a pipeline by itself. A Layer implements it, and a test
 * provides another Layer. The model is Effect's own `HttpApiMiddleware.Service`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import { provideBelow } from "../core/Effects.ts"
import type { Declared, ErrorClass, InstanceOf, Is, KeyId, KeyShape, Within, Yields } from "../core/Types.ts"
import type { Before } from "./MiddlewareTypes.ts"
import type { Ambient, Plainly, Request, Run } from "./Model.ts"
import { toFunction } from "./Run.ts"
import * as Stage from "./Stage.ts"

/**
 * What a class-tagged middleware declares.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions {
  /** The service that it provides to later stages. Default: none. */
  readonly provides?: Context.Key<any, any>
  /** The error class, or classes, that it raises. Default: none. */
  readonly error?: ErrorClass | ReadonlyArray<ErrorClass>
  /** Services of earlier stages that it needs at each request. Default: none. */
  readonly requires?: ReadonlyArray<Context.Key<any, any>>
}

type Option<O, K extends string> = K extends keyof O ? O[K] : never

/**
 * The class side of a class-tagged middleware: a service key, a before, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, I, S, E, Q>
  extends
    Context.ServiceClass<Self, Id, (request: Request) => S | Effect.Effect<S, E, Ambient | Q>>,
    Before<I, E, Self | Q> {
  /** Implements it. What `run` needs beside the request is taken once, when the layer is built. */
  layer(run: Plainly<NoInfer<S>>): Layer.Layer<Self>
  layer<const A extends S | Yields<S>>(
    run: Run<A> & Declared<A, E>
  ): Layer.Layer<Self, never, Exclude<Effect.Services<A>, Ambient | Q>>
  /**
   * Implements it with something made once, such as a prepared statement: `run` gets it beside the request, and needs nothing else, so that
   * nothing has to be provided at a request: the faster form.
   */
  layerEffect<M, A>(
    make: M & Is<M, Yields<unknown>, "not an Effect">,
    run: (
      made: Effect.Success<M>,
      request: Request
    ) => A & Is<A, S | Yields<S>, "does not give the service"> & Declared<A, E> & Within<A, Ambient | Q>
  ): Layer.Layer<Self, Effect.Error<M>, Exclude<Effect.Services<M>, Scope.Scope>>
}

/**
 * Declares a class-tagged middleware.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { HttpServerRequest } from "effect/http"
 * import { Middleware } from "fairlead/server"
 *
 * class Tenant extends Context.Service<Tenant, string>()("app/Tenant") {}
 * class UnknownTenant extends Schema.TaggedError<UnknownTenant>()("UnknownTenant", { host: Schema.String }) {}
 *
 * class ResolveTenant extends Middleware.Service<ResolveTenant>()("app/ResolveTenant", {
 *   provides: Tenant,
 *   error: UnknownTenant
 * }) {}
 *
 * const live = ResolveTenant.layer(
 *   Effect.gen(function*() {
 *     const request = yield* HttpServerRequest.HttpServerRequest
 *     const host = request.headers["host"] ?? ""
 *     return host.endsWith(".example") ? host : yield* new UnknownTenant({ host })
 *   })
 * )
 * const inTests = ResolveTenant.layer(Effect.succeed("acme.example"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service =
  <Self>() =>
  <const Id extends string, const O extends ServiceOptions = {}>(
    id: Id,
    options?: O
  ): ServiceClass<
    Self,
    Id,
    Exclude<KeyId<Option<O, "provides">>, Ambient>,
    KeyShape<Option<O, "provides">>,
    InstanceOf<Option<O, "error">>,
    KeyId<Option<O, "requires"> extends ReadonlyArray<infer K> ? K : never>
  > => {
    const Base: any = Context.Service<any, any>()(id)
    const key = options?.provides?.key
    const stage = Stage.make(
      "before",
      id,
      (request, _, context) =>
        Context.getUnsafe(context as Context.Context<unknown>, Base as Context.Key<unknown, any>)(request),
      key === undefined ? {} : { key }
    )
    return Object.assign(Base, {
      stages: [stage],
      layer: (run: unknown) => Layer.effect(Base, withBuildContext(run)),
      layerEffect: (make: Yields<unknown>, run: (made: unknown, request: Request) => unknown) =>
        Layer.effect(
          Base,
          Effect.map(make, (made) => (request: Request) => run(made, request))
        )
    })
  }

const withBuildContext = (run: unknown): Effect.Effect<(request: Request) => unknown> =>
  Effect.contextWith((built: Context.Context<never>) =>
    Effect.succeed((request: Request) => {
      const out = toFunction(run)(request)
      return Effect.isEffect(out) && !Exit.isExit(out) ? provideBelow(out, built) : out
    })
  )
