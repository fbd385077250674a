/**
 * A chain of client handlers over an `HttpClient`: the result is an ordinary client again, whose type says what is left unhandled.
 *
 * 1. Declared order is the order of the way out; a handler used later is inside. The way back is the exact reverse.
 * 2. `recover` catches errors of one class from everything declared after it and from the transport; the handlers declared before it see the response.
 * 3. A chain is a recipe: `over`, `overScoped`, `layer` and `layerAs` build it, each with new instances, so that two clients of one chain never influence each other.
 *    To share a budget, a jar or a limiter, pass a value to the handlers or provide a service.
 * 4. A chain goes into a chain by `use` or `append`; over an `HttpClient` by `over`; over the `HttpClient` service, for everybody who uses it, by `layer`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import type { Pipeable } from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import * as Composite from "../core/Composite.ts"
import * as Interceptor from "../core/Interceptor.ts"
import type { Description, Described } from "../core/Interceptor.ts"
import { hasTypeId, interceptorOf } from "../core/InterceptorKind.ts"
import { LayerServices } from "../core/LayerServices.ts"
import { checkOptions } from "../core/Options.ts"
import type { HasAny, NoAny } from "../core/Types.ts"
import type { Builds, ClientHandler } from "./ClientHandler.ts"
import { ClientPlan } from "./ClientPlan.ts"
import type { Request, Response } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"
import { FollowUpError } from "./FollowUpError.ts"
import { handlerKind } from "./HandlerRecipe.ts"
import type { HandlerRecipe, Recovery } from "./HandlerRecipe.ts"

export { toFetch } from "./ToFetch.ts"

const TypeId = "~fairlead/client/ClientChain"

/**
 * The errors that get out past the recoveries `C` declared before; the driver raises `FollowUpError` outside of all of them.
 *
 * @category errors
 * @since 0.1.0
 */
export type Past<E, C> = E extends FollowUpError ? E : E extends C ? never : E

/**
 * The recoveries of `N` that have had nothing to catch so far, after errors `E` have joined.
 *
 * @category errors
 * @since 0.1.0
 */
export type StillNeedless<N, E> = N extends unknown ? ([Extract<E, N>] extends [never] ? N : never) : never

/**
 * A chain: `E` unhandled errors of the handlers, `R` required services, `C` errors that `recover` catches from the handlers declared next, `N` those of `C` that no handler
 * declared after them raises so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientChain<in out E, in out R, in out C, in out N = never> extends Pipeable, Described<Description> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds the handlers of another chain, as if they were used here one by one. */
  use<E2, R2, C2, N2>(
    chain: ClientChain<E2, R2, C2, N2>
  ): ClientChain<E | Past<E2, C>, R | R2, C | C2, StillNeedless<N, E2> | N2>
  /** Adds a handler, inside of those declared before. One with an `any` for its errors or its needs, which would swallow all others, makes no chain but names the fault. */
  use<E2, R2>(handler: ClientHandler<E2, R2> & HasAny<Yielding<E2, R2>>): NoAny<Yielding<E2, R2>>
  use<E2, R2>(handler: ClientHandler<E2, R2>): ClientChain<E | Past<E2, C>, R | R2, C, StillNeedless<N, E2>>

  /** Adds the handlers of another chain, as if they were used here one by one. */
  append<E2, R2, C2, N2>(
    chain: ClientChain<E2, R2, C2, N2>
  ): ClientChain<E | Past<E2, C>, R | R2, C | C2, StillNeedless<N, E2> | N2>

  /**
   * Catches errors of one class from everything declared after this, and from the transport. The error of `f` takes the place of the caught one. Of a cause with
   * several errors the first decides; a cause with a defect is not caught. An `f` whose Effect has an `any` makes no chain, as with `use`. A recovery of an error that
   * nothing raises compiles here, since the handlers come later, and not in `over` or `layer`.
   */
  recover<X, A extends Response | Effect.Effect<Response, unknown, unknown> = any>(
    error: abstract new (...args: any) => X,
    f: ((error: X, exchange: Exchange) => A) & HasAny<A>
  ): NoAny<A>
  recover<X, A extends Response | Effect.Effect<Response, unknown, unknown>>(
    error: abstract new (...args: any) => X,
    f: (error: X, exchange: Exchange) => A
  ): ClientChain<E | Past<Effect.Error<A>, C>, R | Effect.Services<A>, C | X, StillNeedless<N, Effect.Error<A>> | X>

  /** Catches every typed error of everything declared after this, and of the transport, save `FollowUpError`. */
  recoverAll<A extends Response | Effect.Effect<Response, unknown, unknown>>(
    toResponse: (error: unknown, exchange: Exchange) => A
  ): ClientChain<E | Past<Effect.Error<A>, C>, R | Effect.Services<A>, unknown, N>
}

type Yielding<E, R> = Effect.Effect<never, E, R>

/**
 * Options of a chain.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions {
  /** How many follow-ups one call may have before it fails with `FollowUpError`; those of handlers that bound themselves do not count. Default: 20. */
  readonly maxFollowUps?: number
}

interface ChainValue extends Composite.CompositeValue<HandlerRecipe> {
  readonly maxFollowUps: number
}

/**
 * Whether something is a chain.
 *
 * @category guards
 * @since 0.1.0
 */
export const isClientChain: (u: unknown) => u is ClientChain<unknown, unknown, unknown, unknown> = hasTypeId(TypeId)

const addRecovery = (self: ChainValue, name: string, recovers: string, recovery: Recovery): ChainValue =>
  Composite.add<HandlerRecipe, ChainValue>(
    self,
    interceptorOf({ typeId: handlerKind.typeId, kind: "recover" }, { name, recovery }, { recovers: [recovers] })
  )

const methods = {
  use(this: ChainValue, given: unknown): ChainValue {
    if (isClientChain(given)) return Composite.append<HandlerRecipe, ChainValue>(this, Composite.cast(given))
    return Composite.add(this, Composite.accept<HandlerRecipe>(this.name, handlerKind, given))
  },
  recover(this: ChainValue, error: new () => unknown, recover: Recovery["recover"]): ChainValue {
    const matches: Recovery["matches"] = (raised) => raised instanceof error
    return addRecovery(this, `recover(${error.name})`, error.name, { matches, recover })
  },
  recoverAll(this: ChainValue, recover: Recovery["recover"]): ChainValue {
    const matches: Recovery["matches"] = (raised) => !(raised instanceof FollowUpError)
    return addRecovery(this, "recoverAll", "*", { matches, recover })
  }
}

const Proto = Composite.prototype(
  { part: "client", typeId: TypeId, kind: handlerKind, maker: "ClientChain.make" },
  methods
)

/**
 * Opens a chain.
 *
 * **Example** (A chain over the service)
 *
 * ```ts
 * import { HttpClientRequest } from "effect/http"
 * import { ClientChain, ClientHandler } from "fairlead/client"
 *
 * const userAgent = ClientHandler.make("user-agent", {
 *   run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "user-agent", "app/1"))
 * })
 *
 * const chain = ClientChain.make("api").use(userAgent)
 * const HttpClientLive = ClientChain.layer(chain) // needs an HttpClient, and provides one
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, { maxFollowUps = 20 }: MakeOptions = {}): ClientChain<never, never, never> => {
  checkOptions(name).maximum("maxFollowUps", maxFollowUps, 0)
  return Object.assign(Object.create(Proto), { name, entries: [], maxFollowUps })
}

type BuiltWith<R> = R extends Builds<infer B> ? B : never
type PerCall<R> = R extends Builds<unknown> ? never : R

/** `A` when each recovery has an error to catch, else the errors that nothing raises. It is a type of the result, since it is not known within a generic function. */
type Needed<N, E0, A> = [StillNeedless<N, E0>] extends [never]
  ? A
  : { readonly "nothing raises what is recovered": StillNeedless<N, E0> }

/** The client of a chain over a client. */
type Over<E, R, C, E0, R0> = HttpClient.HttpClient.With<E | Past<E0, C>, PerCall<R> | R0>

/** The client of a chain that can be built without an Effect. */
type OverAtOnce<E, R, C, N, E0, R0> = [BuiltWith<R>] extends [never]
  ? Needed<N, E0, Over<E, R, C, E0, R0>>
  : { readonly "a handler is made by an Effect: use layer, layerAs or overScoped": BuiltWith<R> }

const clientOver = (
  chain: unknown,
  transport: HttpClient.HttpClient.With<unknown>,
  lookUp: ClientPlan["settings"]["lookUp"]
): HttpClient.HttpClient.With<any> => {
  const { maxFollowUps, name } = chain as ChainValue
  return new ClientPlan({ name, lookUp, transport, maxFollowUps, first: 0, outside: [] }).client
}

/**
 * Builds the chain over a client.
 *
 * @category combinators
 * @since 0.1.0
 */
export const over: {
  <E0, R0>(
    client: HttpClient.HttpClient.With<E0, R0>
  ): <E, R, C, N>(chain: ClientChain<E, R, C, N>) => OverAtOnce<E, R, C, N, E0, R0>
  <E, R, C, N, E0, R0>(
    chain: ClientChain<E, R, C, N>,
    client: HttpClient.HttpClient.With<E0, R0>
  ): OverAtOnce<E, R, C, N, E0, R0>
} = dual(2, (chain: unknown, client: HttpClient.HttpClient.With<unknown>) => {
  const build = new Composite.Build<HandlerRecipe>(chain as ChainValue)
  return clientOver(chain, client, (context) => build.lookUp(context))
})

/**
 * Builds the chain over a client, with handlers that need a scope or services to be made.
 *
 * @category combinators
 * @since 0.1.0
 */
export const overScoped: {
  <E0, R0>(
    client: HttpClient.HttpClient.With<E0, R0>
  ): <E, R, C, N>(
    chain: ClientChain<E, R, C, N>
  ) => Needed<N, E0, Effect.Effect<Over<E, R, C, E0, R0>, never, BuiltWith<R>>>
  <E, R, C, N, E0, R0>(
    chain: ClientChain<E, R, C, N>,
    client: HttpClient.HttpClient.With<E0, R0>
  ): Needed<N, E0, Effect.Effect<Over<E, R, C, E0, R0>, never, BuiltWith<R>>>
} = dual(2, (chain: unknown, client: HttpClient.HttpClient.With<unknown>) =>
  Effect.map(Composite.build<HandlerRecipe>(chain as ChainValue), (handlers) =>
    clientOver(chain, client, () => handlers)
  )
)

/** The layer of a chain: it needs the client below, and the services of the handlers. */
type LayerOf<I, R, N> = Needed<
  N,
  HttpClientError.HttpClientError,
  Layer.Layer<I, never, HttpClient.HttpClient | PerCall<R> | Exclude<BuiltWith<R>, Scope.Scope>>
>

/**
 * The chain over the `HttpClient` service itself, so that everybody who uses it goes through the chain. It compiles only when nothing but `HttpClientError` is
 * left, or `FollowUpError`, which is then the cause of an `HttpClientError`. The services that the handlers need are taken when the layer is built, and win over those of a call.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R, C, N>(
  chain: ClientChain<E, R, C, N> & OnlyTransport<E>
): LayerOf<HttpClient.HttpClient, R, N> =>
  layerOf(HttpClient.HttpClient, chain, (client) =>
    HttpClient.transform(client, (effect, request) => Effect.mapError(effect, (error) => asTransport(error, request)))
  ) as never

type OnlyTransport<E> = [Exclude<E, HttpClientError.HttpClientError | FollowUpError>] extends [never]
  ? unknown
  : { readonly "errors beside HttpClientError are left": Exclude<E, HttpClientError.HttpClientError | FollowUpError> }

const asTransport = (error: unknown, request: Request): unknown =>
  error instanceof FollowUpError
    ? new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request, cause: error, description: error.message })
      })
    : error

type Declares<E, E1> = [Exclude<E, E1>] extends [never]
  ? unknown
  : { readonly "the service does not declare": Exclude<E, E1> }

/**
 * The chain as a separate client, whose service type declares its errors.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAs: {
  <I, E1>(
    key: Context.Key<I, HttpClient.HttpClient.With<E1>>
  ): <E, R, C, N>(
    chain: ClientChain<E, R, C, N> & Declares<E | Past<HttpClientError.HttpClientError, C>, E1>
  ) => LayerOf<I, R, N>
  <E, R, C, N, I, E1>(
    chain: ClientChain<E, R, C, N> & Declares<E | Past<HttpClientError.HttpClientError, C>, E1>,
    key: Context.Key<I, HttpClient.HttpClient.With<E1>>
  ): LayerOf<I, R, N>
} = dual(2, (chain: object, key: Context.Key<unknown, unknown>) => layerOf(key, chain) as never)

const layerOf = <I, S>(
  key: Context.Key<I, S>,
  chain: object,
  change: (client: HttpClient.HttpClient.With<any>) => HttpClient.HttpClient.With<any> = (client) => client
): Layer.Layer<I, never, any> =>
  Layer.effect(
    key as Context.Key<I, any>,
    Effect.gen(function* () {
      const handlers = yield* Composite.build<HandlerRecipe>(chain as ChainValue)
      const transport: HttpClient.HttpClient.With<any> = yield* HttpClient.HttpClient
      const client = clientOver(chain, transport, () => handlers)
      const services = new LayerServices(yield* Effect.context(), [])
      const provided = HttpClient.transformResponse(client, (effect: Effect.Effect<Response, any>) =>
        services.provide(effect)
      )
      return change(provided)
    })
  )

/**
 * A chain as data, in the order of the way out.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <E, R, C, N>(chain: ClientChain<E, R, C, N>): Description => Interceptor.describe(chain)
