/**
 * Hosts an application on whatever `HttpServer` a layer gives. Internal to the app part.
 *
 * It knows requests, not sockets: it can wait for requests and interrupt them, but it cannot refuse connections or destroy them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServer from "effect/http/HttpServer"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import type { Handler } from "./Ignition.ts"
import type { Host } from "./LifeCycle.ts"

/** Hosts on the server that the layer gives. Internal to the app part. */
export const make = <E, R>(server: Layer.Layer<HttpServer.HttpServer, E, R>): Effect.Effect<Host, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { address, serve } = Context.get(yield* Layer.build(server), HttpServer.HttpServer)
    const scope = yield* Scope.make()
    const gate = yield* Latch.make()
    const idle = yield* Latch.make(true)
    let inFlight = 0
    const entered = Effect.suspend(() => {
      inFlight++
      return idle.close
    })
    const left = Effect.suspend(() => (--inFlight === 0 ? idle.open : Effect.void))
    let handler: Handler | undefined
    // Behind the gate a request costs one comparison.
    let opened = false
    // In flight until its scope closes: a streamed body is sent after the handler has ended.
    const counted = Effect.suspend(() =>
      Effect.andThen(
        Effect.acquireRelease(entered, () => left),
        opened ? handler! : Effect.andThen(gate.await, handler!)
      )
    )
    return {
      address,
      serve: (given) => {
        const serving = Scope.provide(serve(counted), scope)
        return Effect.suspend(() => {
          handler = given
          return serving
        })
      },
      open: Effect.suspend(() => {
        opened = true
        return gate.open
      }),
      refuse: Effect.void,
      idle: idle.await,
      interrupt: Scope.close(scope, Exit.void),
      destroy: Effect.as(Effect.forkDetach(Scope.close(scope, Exit.void)), 0)
    } satisfies Host
  })
