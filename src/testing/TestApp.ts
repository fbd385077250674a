/**
 * Launches an application without a socket: it ignites and lifts off, requests go through its hooks and routes, and its shutdown can be watched.
 *
 * 1. Only the transport is removed: the application lives as under `App.launch` and `NodeApp.launch`, with its grace and mercy, under `TestClock` too.
 * 2. Cookies that replies set are sent with later requests, as a browser does it, unless `cookies: false`.
 * 3. `terminate` shuts the application down, once. Closing the scope without it only releases what the application acquired: no shutdown hook runs.
 * 4. A layer that provides what the application manages is refused, with `DuplicateService`: it would be ignored.
 * 5. A test replaces layers by `App.override`, or by another Layer for a class-tagged fairing.
 *
 * **Example** (Swapping a fairing)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { App, Fairing } from "fairlead/app"
 * import { TestApp } from "fairlead/testing/app"
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
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Cookies from "effect/http/Cookies"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import type { App, OwnFailure } from "../app/App.ts"
import type { Ignited } from "../app/Ignited.ts"
import type { IgniteError } from "../app/IgniteError.ts"
import { GivenByTest, igniting } from "../app/Ignition.ts"
import type { Launched } from "../app/Launched.ts"
import * as LifeCycle from "../app/LifeCycle.ts"
import type { Listener } from "../app/Listeners.ts"
import type { LaunchOptions as StopOptions, StopReport } from "../app/StopOptions.ts"
import { isAmbient } from "../core/LayerServices.ts"
import { makeJar } from "./CookieJar.ts"
import { toRequest, verbs } from "./MemoryExchange.ts"
import type { TestServer } from "./MemoryExchange.ts"
import * as MemoryHost from "./MemoryHost.ts"

export { expect, journalLines } from "./TestServer.ts"
export type { Expected, Reply, RequestOptions, TestServer } from "./TestServer.ts"

/**
 * How a test launches an application.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions extends StopOptions {
  /** Whether cookies that replies set are sent with later requests; a request's own `cookie` header replaces them. Default: true. */
  readonly cookies?: boolean
  /** The origin of all paths. Cookies marked Secure are sent only when it begins with `https:`. Default: `http://test`. */
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
  readonly launched: Launched["Service"]
  /** The cookies in the jar, in the order in which they were first set. */
  readonly cookies: Effect.Effect<ReadonlyArray<Cookies.Cookie>>
  /** Stops the application, and returns when it has stopped. A second call only waits. */
  readonly terminate: Effect.Effect<StopReport>
  /** Sends requests to a further listener of the application, without cookies. A listener that it does not have is a defect. */
  readonly listener: (name: string) => TestServer
}

/**
 * Launches an application in the current scope. The layer provides the application's services and is built once; the context provides the others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <P = never, E = never, R = never, LO = never, LE = never, LR = never>(
  app: App<P, E, R> | Ignited,
  layer?: Layer.Layer<LO, LE, LR>,
  options: MakeOptions = {}
): Effect.Effect<TestApp, IgniteError<E | OwnFailure> | LE, Scope.Scope | LR | Exclude<R, LO>> =>
  Effect.gen(function* () {
    const services = yield* Layer.build((layer ?? Layer.empty) as Layer.Layer<LO, LE, LR>)
    const given = new Set(Array.from(services.mapUnsafe.keys()).filter((key) => !isAmbient(key)))
    const ignited = yield* igniting<E, R>(app).pipe(
      Effect.provideService(GivenByTest, given),
      Effect.provideContext(services)
    )
    const host = yield* MemoryHost.make(app.name)
    const others = new Map<string, MemoryHost.MemoryHost>()
    const makeHost = (listener: Listener | undefined) =>
      listener === undefined
        ? Effect.succeed(host)
        : Effect.tap(MemoryHost.make(app.name), (other) => Effect.sync(() => others.set(listener.name, other)))
    // The shutdown is a finalizer of this scope, which nobody closes when the application is dropped.
    const life = yield* Scope.make()
    const launched = yield* LifeCycle.run(Effect.succeed(ignited), makeHost, options).pipe(
      Scope.provide(life),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(life, exit) : Effect.void))
    )
    yield* Effect.addFinalizer(() => Effect.forEach([host, ...others.values()], ({ drop }) => drop, { discard: true }))
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
      terminate: Effect.andThen(launched.shutdown.notify, launched.stopped),
      listener: (name) =>
        verbs((method, path, given) => {
          const other = others.get(name)
          return other === undefined
            ? Effect.die(new Error(`The app "${app.name}" has no listener "${name}"`))
            : other.exchange(toRequest(method, path, given, origin))
        })
    } satisfies TestApp
  })
