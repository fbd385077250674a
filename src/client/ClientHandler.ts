/**
 * Client handlers: they see every request on its way out, and every outcome on its way back.
 *
 * 1. *once*, in declared order, before the first attempt of a logical request: its changes count as the caller's, such as an `Idempotency-Key` or a request id.
 * 2. *run*, in declared order: may change the request, halt with a response, or fail. The handlers declared later, and the network, are then skipped.
 * 3. The network, through the `HttpClient` below.
 * 4. *afterResponse*, in exact reverse order, of every handler, always: after a response, a halt, a typed failure or a defect. It may observe, replace the
 *    response, recover a failure, fail, or queue a follow-up. It gets the state that its `run` returned, or `None` when its `run` was not reached or returned none.
 * 5. A follow-up runs when the way back is at its end, as a whole new cycle through all handlers; a remaining failure beats it, save the one that it was queued
 *    to recover (`followUpInstead`).
 * 6. Interruption ends the exchange: no `afterResponse` runs for it, only what `exchange.onInterrupt` registered.
 *
 * A method may return a plain decision, which is the fastest, or an Effect of one. A handler is a recipe: a handler with state is made by a function, which is called
 * once for each client that a chain is put over. The model is trillium-client's `ClientHandler`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Types from "effect/Types"

import type { BuildSite } from "../core/BuildSite.ts"
import { cast } from "../core/Composite.ts"
import { hasTypeId, interceptorOf } from "../core/InterceptorKind.ts"
import * as ServiceClasses from "../core/ServiceClass.ts"
import type { RaisesOf, RequiresOf, ServiceOptions } from "../core/ServiceOptions.ts"
import type { HasAny, NoAny } from "../core/Types.ts"
import type { AfterDecision, Decided, FollowUp, RunDecision, StateOf } from "./Decision.ts"
import type { Exchange, Outcome } from "./Exchange.ts"
import type { FollowUpError } from "./FollowUpError.ts"
import { handlerKind, recipeOf } from "./HandlerRecipe.ts"
import type { HandlerRecipe } from "./HandlerRecipe.ts"
import { TypeId } from "./HandlerTypeId.ts"

export { canReplay, replayable } from "./Body.ts"
export type { BodyEnd, BodyWatcher } from "./BodyWatcher.ts"
export { followUp, followUpInstead, halt, proceed, proceedWith, respond } from "./Decision.ts"
export type { FollowUp, FollowUpOptions, Halt, Proceed, Request, Respond, Response } from "./Decision.ts"
export { cell } from "./Exchange.ts"
export type { Cell, Exchange, Outcome } from "./Exchange.ts"
export { FollowUpError } from "./FollowUpError.ts"
export type { ServiceOptions } from "../core/ServiceOptions.ts"

/**
 * A client handler: may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientHandler<out E = never, out R = never> {
  readonly [TypeId]: { readonly _E: Types.Covariant<E>; readonly _R: Types.Covariant<R> }
}

/**
 * Whether something is a client handler: a value, or the class of a class-tagged one.
 *
 * @category guards
 * @since 0.1.0
 */
export const isClientHandler: (u: unknown) => u is ClientHandler<unknown, unknown> = hasTypeId(TypeId)

/**
 * In the requirements of a handler: the services that its instance needs when it is built. Only the forms of a chain that provide it accept such a handler: `layer`, `layerAs` and
 * `overScoped`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Builds<out R> {
  readonly "~fairlead/client/Builds": Types.Covariant<R>
}

type Or<A> = A | Effect.Effect<A, unknown, unknown>

type FollowUpErrorOf<B> =
  Decided<B> extends infer D
    ? D extends FollowUp<infer Certain>
      ? [Certain] extends [true]
        ? never
        : FollowUpError
      : never
    : never

/**
 * Decisions of `once`: go on, with the same request or another.
 *
 * @category models
 * @since 0.1.0
 */
export type OnceDecision = void | { readonly _tag: "Proceed"; readonly request: Exchange["request"] | undefined }

/**
 * The methods of a handler.
 *
 * @category models
 * @since 0.1.0
 */
export interface Methods<A, B, O = void> {
  /** Before the first attempt of a logical request; its changes are in `exchange.original` of all attempts. */
  readonly once?: (exchange: Exchange) => O
  /** On the way out. */
  readonly run?: (exchange: Exchange) => A
  /** On the way back. */
  readonly afterResponse?: (outcome: Outcome, exchange: Exchange, state: Option.Option<StateOf<A>>) => B
}

type HandlerOf<A, B, O, R = never> = ClientHandler<
  Effect.Error<A> | Effect.Error<B> | Effect.Error<O> | FollowUpErrorOf<B>,
  Effect.Services<A> | Effect.Services<B> | Effect.Services<O> | R
>

/**
 * Makes a handler of its methods or, for one with state, of a function that makes them for each client that a chain is put over.
 *
 * **Example** (Timing, and a count for each client)
 *
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { ClientHandler } from "fairlead/client"
 *
 * const timing = ClientHandler.make("timing", {
 *   run: () => Effect.map(Clock.currentTimeMillis, (start) => ClientHandler.proceedWith(start)),
 *   afterResponse: (_, exchange, start) =>
 *     Effect.gen(function*() {
 *       if (start._tag === "None") return
 *       const end = yield* Clock.currentTimeMillis
 *       yield* Effect.log(`${exchange.request.url} took ${end - start.value} ms`)
 *     })
 * })
 *
 * const counting = ClientHandler.make("counting", () => {
 *   let calls = 0
 *   return { once: () => void calls++ }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  A extends Or<RunDecision> = void,
  B extends Or<AfterDecision> = void,
  O extends Or<OnceDecision> = void
>(
  name: string,
  methods: Methods<A, B, O> | ((site: BuildSite) => Methods<A, B, O>)
): HandlerOf<A, B, O> => cast(recipeOf(name, methods as never, undefined))

/**
 * Makes a handler whose instance is made by an Effect, which may need services and a `Scope`: once for each client.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect = <
  R,
  A extends Or<RunDecision> = void,
  B extends Or<AfterDecision> = void,
  O extends Or<OnceDecision> = void
>(
  name: string,
  build: (site: BuildSite) => Effect.Effect<Methods<A, B, O>, never, R>
): HandlerOf<A, B, O, [R] extends [never] ? never : Builds<R>> =>
  cast(
    interceptorOf(handlerKind, {
      name,
      build: (site: BuildSite) => Effect.map(build(site), (methods) => recipeOf(name, methods as never, undefined))
    } satisfies Omit<HandlerRecipe, "~fairlead/Interceptor">)
  )

/**
 * The class side of a class-tagged handler: a service key, a handler, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, E, Q = never>
  extends Context.ServiceClass<Self, Id, ClientHandler<E>>, ClientHandler<E, Self | Q> {
  /** Implements it. The services that the handler needs are taken when the layer is built, save those that the class requires of each call. One with an `any` makes no layer, as it makes no chain. */
  layer<E2 extends E, R>(
    handler: ClientHandler<E2, R> & HasAny<Effect.Effect<never, E2, R>>
  ): NoAny<Effect.Effect<never, E2, R>>
  layer<E2 extends E, R>(handler: ClientHandler<E2, R>): Layer.Layer<Self, never, Exclude<R, Q>>
  /** Implements it by the handler that an Effect makes, once for the layer. */
  layerEffect<E2 extends E, R, E3, R3>(
    effect: Effect.Effect<ClientHandler<E2, R>, E3, R3>
  ): Layer.Layer<Self, E3, Exclude<R | R3, Q>>
}

/**
 * Declares a class-tagged handler.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { HttpClientRequest } from "effect/http"
 * import { ClientHandler } from "fairlead/client"
 *
 * class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
 *
 * const live = Sign.layer(
 *   ClientHandler.make("sign", {
 *     run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-signed", "yes"))
 *   })
 * )
 * const inTests = Sign.layer(ClientHandler.make("unsigned", {}))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service =
  <Self>() =>
  <const Id extends string, const O extends Omit<ServiceOptions, "provides"> = {}>(
    id: Id,
    options?: O
  ): ServiceClass<Self, Id, RaisesOf<O>, RequiresOf<O>> =>
    ServiceClasses.make(id, options, handlerKind)
