/**
 * Launches an application without a socket: it ignites and lifts off, requests go through its hooks and routes, and its shutdown can be watched.
 *
 * 1. Only the transport is removed: the whole life is the one that `App.launch` and `NodeApp.launch` give, with its grace and mercy, under `TestClock` too.
 * 2. Cookies that replies set are sent with later requests, as a browser does it, unless `cookies: false`.
 * 3. `terminate` shuts the application down, once. Closing the scope without it only releases what the application acquired: no shutdown hook runs.
 * 4. What a test replaces it replaces by `App.override`, or by another Layer for a class-tagged fairing.
 *
 * **Example** (Swapping a fairing)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { App, Fairing } from "fairlead/app"
 * import * as TestApp from "fairlead/testing/app"
 *
 * class Stock extends Context.Service<Stock, number>()("shop/Stock") {}
 * class Warehouse extends Fairing.Service<Warehouse>()("shop/Warehouse", { provides: Stock }) {}
 *
 * const shop = App.make("shop")
 *   .attach(Warehouse)
 *   .mount(HttpRouter.add("GET", "/stock", Effect.map(Stock, (stock) => HttpServerResponse.text(`${stock} left`))))
 *
 * const full = Warehouse.layer(Fairing.onIgnite("full", () => Effect.succeed(Context.make(Stock, 7))))
 *
 * const program = Effect.gen(function*() {
 *   const app = yield* TestApp.make(shop, full)
 *   TestApp.expect(yield* app.get("/stock"), { status: 200, text: "7 left" })
 *   yield* app.terminate
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cookies from "effect/http/Cookies"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { igniting } from "../app/App.ts"
import type { App, OwnFailure } from "../app/App.ts"
import type { IgniteError } from "../app/IgniteError.ts"
import type { Ignited } from "../app/Ignition.ts"
import * as LifeCycle from "../app/LifeCycle.ts"
import { toRequest, verbs } from "./Exchange.ts"
import type { Reply, TestServer } from "./Exchange.ts"
import * as MemoryHost from "./MemoryHost.ts"

export { expect, journalLines } from "./server.ts"
export type { Expected, Reply, RequestOptions, TestServer } from "./server.ts"

/**
 * How a test launches an application.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends LifeCycle.Options {
  /** Whether cookies that replies set are sent with later requests; a `cookie` header given with a request takes their place. Default: true. */
  readonly cookies?: boolean
  /** What paths are resolved against; only with `https:` are cookies marked Secure sent. Default: `http://test`. */
  readonly origin?: string
}

/**
 * Sends requests to a launched application, and shuts it down.
 *
 * A request that finds the application not serving, or whose connection it closes before the end of the body, dies with an `Error` that says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestApp extends TestServer {
  readonly launched: LifeCycle.Launched["Service"]
  /** The cookies that are kept, in the order in which they were first set. */
  readonly cookies: Effect.Effect<ReadonlyArray<Cookies.Cookie>>
  /** Tells the application to stop, and ends when it has. Doing it again only waits. */
  readonly terminate: Effect.Effect<void>
}

/**
 * Launches an application in the current scope. The layer gives what the application needs and is built once; what it does not give comes from the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <P = never, E = never, R = never, LO = never, LE = never, LR = never>(
  app: App<P, E, R> | Ignited,
  layer?: Layer.Layer<LO, LE, LR>,
  options: Options = {}
): Effect.Effect<TestApp, IgniteError<E | OwnFailure> | LE, Scope.Scope | LR | Exclude<R, LO>> =>
  Effect.gen(function* () {
    const services = yield* Layer.build((layer ?? Layer.empty) as Layer.Layer<unknown, unknown, any>)
    const ignited = yield* Effect.provideContext(igniting(app), services)
    const host = yield* MemoryHost.make(app.name)
    // The shutdown is a finalizer of this scope, which nobody closes when the application is dropped.
    const life = yield* Scope.make()
    const launched = yield* LifeCycle.run(Effect.succeed(ignited), Effect.succeed(host), options).pipe(
      Scope.provide(life),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(life, exit) : Effect.void))
    )
    yield* Effect.addFinalizer(() => host.drop)
    const { origin = "http://test" } = options
    const jar = options.cookies === false ? undefined : makeJar()
    const send: TestServer["send"] = (method, path, given) =>
      Effect.suspend(() => {
        const request = toRequest(method, path, given, origin)
        return jar === undefined ? host.exchange(request) : jar.around(request, host.exchange(request))
      })
    return {
      ...verbs(send),
      launched,
      cookies: jar === undefined ? Effect.succeed([]) : jar.cookies,
      terminate: Effect.andThen(launched.shutdown.notify, launched.stopped)
    } satisfies TestApp
  }) as any

const makeJar = () => {
  let kept: ReadonlyArray<Cookies.Cookie> = []
  return {
    cookies: Effect.sync(() => kept),
    around: (request: globalThis.Request, exchange: Effect.Effect<Reply>): Effect.Effect<Reply> =>
      Effect.gen(function* () {
        const header = Cookies.toRequestCookieHeader(kept, request.url, yield* Clock.currentTimeMillis)
        if (header !== undefined && !request.headers.has("cookie")) request.headers.set("cookie", header)
        const reply = yield* exchange
        const now = yield* Clock.currentTimeMillis
        // One by one: a reply may set cookies of one name for several paths.
        for (const set of reply.headers.getSetCookie()) {
          kept = Cookies.mergeIntoArray(kept, request.url, Cookies.fromSetCookie(set), now)
        }
        return reply
      })
  }
}
