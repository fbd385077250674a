/**
 * A chain of client handlers over an `HttpClient`: what it gives is an ordinary client again, whose type says what is left unhandled.
 *
 * 1. Declared order is the order of the way out; what is used later is inside. The way back is the exact reverse.
 * 2. `recover` catches errors of one class from everything declared after it and from the transport; what is declared before it sees the response.
 * 3. A chain goes into a chain by `append`; over an `HttpClient` by `over`; over the `HttpClient` service, for everybody who uses it, by `layer`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"

import * as Drawing from "../core/Drawing.ts"
import { provideBelow } from "../core/Effects.ts"
import type { Description } from "../core/Interceptor.ts"
import * as Tagged from "../core/Tagged.ts"
import type { HasAny, NoAny } from "../core/Types.ts"
import type { ClientHandler, HandlerValue } from "./ClientHandler.ts"
import type { Request, Response } from "./Decision.ts"
import * as Driver from "./Driver.ts"
import type { Exchange } from "./Exchange.ts"
import { FollowUpError } from "./FollowUpError.ts"

const TypeId = "~fairlead/client/ClientChain"

/**
 * What gets out past the recovers `C` declared before; the driver raises `FollowUpError` outside of all of them.
 *
 * @category errors
 * @since 0.1.0
 */
export type Past<E, C> = E extends FollowUpError ? E : E extends C ? never : E

/**
 * A chain: `E` unhandled errors of the handlers, `R` required, `C` errors that are caught before they get out of what is declared next.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientChain<in out E, in out R, in out C> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds a handler, inside of those declared before. One with an `any` for its errors or its needs, which would swallow all others, gives no chain but what is wrong. */
  use<E2, R2>(handler: ClientHandler<E2, R2> & HasAny<Yielding<E2, R2>>): NoAny<Yielding<E2, R2>>
  use<E2, R2>(handler: ClientHandler<E2, R2>): ClientChain<E | Past<E2, C>, R | R2, C>

  /** Adds the handlers of another chain, as if they were used here one by one. */
  append<E2, R2, C2>(chain: ClientChain<E2, R2, C2>): ClientChain<E | Past<E2, C>, R | R2, C | C2>

  /**
   * Catches errors of one class from everything declared after this, and from the transport. What `f` fails with takes the place of what was caught. Of a cause with
   * several errors the first decides; a cause with a defect is not caught. An `f` whose Effect has an `any` gives no chain, as with `use`.
   */
  recover<X, A extends Response | Effect.Effect<Response, unknown, unknown> = any>(
    error: abstract new (...args: any) => X,
    f: ((error: X, exchange: Exchange) => A) & HasAny<A>
  ): NoAny<A>
  recover<X, A extends Response | Effect.Effect<Response, unknown, unknown>>(
    error: abstract new (...args: any) => X,
    f: (error: X, exchange: Exchange) => A
  ): ClientChain<E | Exclude<Effect.Error<A>, C>, R | Effect.Services<A>, C | X>

  /** Puts the chain over a client. */
  over<E0, R0>(client: HttpClient.HttpClient.With<E0, R0>): HttpClient.HttpClient.With<E | Exclude<E0, C>, R | R0>
}

type Yielding<E, R> = Effect.Effect<never, E, R>

/**
 * Options of a chain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many follow-ups one call may have before it fails with `FollowUpError`. Default: 20. */
  readonly maxFollowUps?: number
}

interface Value {
  readonly name: string
  readonly entries: ReadonlyArray<Driver.Entry>
  readonly maxFollowUps: number
}

const from = (value: Value): ClientChain<never, never, never> => Object.assign(Object.create(Proto), value)

const add = (self: Value, ...entries: ReadonlyArray<Driver.Entry>): ClientChain<never, never, never> =>
  from({ ...self, entries: [...self.entries, ...entries] })

const Proto = {
  [TypeId]: TypeId,
  use(this: Value, handler: object) {
    const id = Tagged.nameOf(handler)
    return add(
      this,
      id === undefined
        ? { kind: "handler", name: (handler as HandlerValue).name, handler: handler as HandlerValue }
        : {
            kind: "service",
            name: id,
            key: handler as Context.Key<unknown, Tagged.Implementation<ClientHandler<any, any>>>
          }
    )
  },
  append(this: Value, chain: Value) {
    return add(this, ...chain.entries)
  },
  recover(this: Value, error: new () => unknown, recover: (error: unknown, exchange: Exchange) => unknown) {
    return add(this, {
      kind: "recover",
      name: `recover(${error.name})`,
      matches: (raised) => raised instanceof error,
      recover
    })
  },
  over(this: Value, transport: HttpClient.HttpClient.With<unknown>) {
    const { entries, maxFollowUps, name } = this
    return Driver.client({ name, entries, transport, maxFollowUps })
  }
}

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
 * const HttpClientLive = ClientChain.layer(chain) // needs an HttpClient, and gives one
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, { maxFollowUps = 20 }: Options = {}): ClientChain<never, never, never> =>
  from({ name, entries: [], maxFollowUps })

/**
 * The chain over the `HttpClient` service itself, so that everybody who uses it goes through the chain. It compiles only when nothing but `HttpClientError` is
 * left, or `FollowUpError`, which is then the cause of an `HttpClientError`; what the handlers need is taken when the layer is built.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R, C>(
  chain: ClientChain<E, R, C> & OnlyTransport<E>
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient | R> =>
  layerOf(HttpClient.HttpClient, chain, (client) =>
    HttpClient.transform(client, (effect, request) => Effect.mapError(effect, (error) => asTransport(error, request)))
  )

type OnlyTransport<E> = [Exclude<E, HttpClientError.HttpClientError | FollowUpError>] extends [never]
  ? unknown
  : { readonly "errors beside HttpClientError are left": Exclude<E, HttpClientError.HttpClientError | FollowUpError> }

const asTransport = (error: unknown, request: Request): unknown =>
  error instanceof FollowUpError
    ? new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request, cause: error, description: error.message })
      })
    : error

/**
 * The chain as a client of its own, whose service type says what it may fail with.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAs = <I, E1, E, R, C>(
  key: Context.Key<I, HttpClient.HttpClient.With<E1>>,
  chain: ClientChain<E, R, C> & Declares<E | Exclude<HttpClientError.HttpClientError, C>, E1>
): Layer.Layer<I, never, HttpClient.HttpClient | R> => layerOf(key, chain)

type Declares<E, E1> = [Exclude<E, E1>] extends [never]
  ? unknown
  : { readonly "the service does not declare": Exclude<E, E1> }

const layerOf = <I, S>(
  key: Context.Key<I, S>,
  chain: object,
  change: (client: HttpClient.HttpClient.With<unknown>) => HttpClient.HttpClient.With<unknown> = (client) => client
): Layer.Layer<I, never, any> =>
  Layer.effect(
    key as Context.Key<I, any>,
    Effect.gen(function* () {
      const client = (chain as ClientChain<never, never, never>).over(yield* HttpClient.HttpClient)
      const built = yield* Effect.context()
      const provided = HttpClient.transformResponse(client, (effect: Effect.Effect<Response, unknown>) =>
        provideBelow(effect, built)
      )
      return change(provided)
    })
  )

const valueOf = (chain: { readonly name: string }): Value => chain as Value

/**
 * A chain as data, in the order of the way out.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <E, R, C>(chain: ClientChain<E, R, C>): Description => {
  const { entries, name } = valueOf(chain)
  return {
    part: "client",
    name,
    interceptors: entries.map((entry) => ({
      name: entry.name,
      kind: entry.kind === "recover" ? "recover" : "handler",
      provides: [],
      recovers: [],
      inner: []
    }))
  }
}

/**
 * A chain as text, for a terminal.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = <E, R, C>(chain: ClientChain<E, R, C>): string => Drawing.toText(describe(chain))

/**
 * A chain as a Mermaid flowchart.
 *
 * @category drawing
 * @since 0.1.0
 */
export const mermaid = <E, R, C>(chain: ClientChain<E, R, C>): string => Drawing.toMermaid(describe(chain))
