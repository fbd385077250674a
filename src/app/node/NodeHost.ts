/**
 * Hosts an application on a Node HTTP server, whose sockets it knows: so it can let no request be lost, refuse connections, and end them all.
 * Internal to the app part.
 *
 * @since 0.1.0
 */
import { createServer } from "node:http"
import type { Server } from "node:http"
import type { ListenOptions } from "node:net"

import { NodeHttpServer } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ServeError } from "effect/http/HttpServerError"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"

import type { Handler } from "../Ignition.ts"
import type { Host } from "../LifeCycle.ts"
import * as NodeGate from "./NodeGate.ts"
import * as NodeTraffic from "./NodeTraffic.ts"

/**
 * Where, and with what server, an application listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListenTo extends ListenOptions {
  /** Makes the Node server: for its time-outs, or for TLS. Default: `http.createServer()`. */
  readonly server?: () => Server
}

/** Hosts on Node. Internal to the app part. */
export const make = ({
  server: makeServer = () => createServer(),
  ...listen
}: ListenTo): Effect.Effect<Host, ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = makeServer()
    const traffic = NodeTraffic.watch(server, yield* Latch.make(true))
    const gate = NodeGate.hold(server)
    // A scope of its own, which ends behind the shutdown: its finalizer of the first WebSocket, added while it serves, waits for all of them to close.
    const own = yield* Effect.acquireRelease(Scope.make(), (own) =>
      Effect.forkDetach(Scope.close(own, Exit.void), { startImmediately: true })
    )
    const options = { ...listen, disablePreemptiveShutdown: true }
    const http = yield* Scope.provide(
      NodeHttpServer.make(() => server, options),
      own
    )
    const scope = yield* Scope.make()
    // Closing the scope interrupts the handlers and waits for them: in a fiber of its own, because a handler may refuse.
    const ending = yield* Effect.cached(
      Effect.suspend(() => {
        gate.turnAway()
        traffic.giveUp()
        return Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })
      })
    )
    let begin = () => {}
    return {
      address: http.address,
      serve: (handler: Handler) =>
        Effect.contextWith((context) =>
          Effect.sync(() => {
            // In one turn: a request that came in between would be lost, or be handled twice.
            begin = () => Effect.runSyncWith(context)(Scope.provide(http.serve(handler), scope))
          })
        ),
      open: Effect.sync(() => gate.open(begin)),
      refuse: Effect.sync(() => {
        if (!gate.opened()) gate.turnAway()
        traffic.refuse()
      }),
      // What handlers still release behind their answers is waited for: it may use what the application releases next.
      idle: Effect.andThen(traffic.idle, Effect.flatMap(ending, Fiber.await)),
      interrupt: Effect.asVoid(ending),
      destroy: Effect.sync(traffic.destroy)
    } satisfies Host
  })
