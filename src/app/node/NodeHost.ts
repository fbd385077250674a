/**
 * Hosts an application on a Node HTTP server, whose sockets it knows: so it can let no request be lost, refuse connections, and end them all.
 * Internal to the app part.
 *
 * @since 0.1.0
 */
import { createServer } from "node:http"

import { NodeHttpServer } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ServeError } from "effect/http/HttpServerError"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"

import type { Early, Handler, Host } from "../Host.ts"
import { once } from "../Once.ts"
import { LeanResponse } from "./LeanResponse.ts"
import * as Listening from "./Listening.ts"
import type { ListenTo } from "./ListenTo.ts"
import * as NodeGate from "./NodeGate.ts"
import * as NodeTraffic from "./NodeTraffic.ts"

/** Hosts on Node. Internal to the app part. */
export const make = ({
  server: makeServer = () => createServer({ ServerResponse: LeanResponse }),
  ...listen
}: ListenTo): Effect.Effect<Host, ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = makeServer()
    const traffic = NodeTraffic.watch(server, yield* Latch.make(true))
    const gate = NodeGate.hold(server)
    // A separate scope, which ends after the shutdown: its finalizer of the first WebSocket, added while it serves, waits for all of them to close.
    const own = yield* Effect.acquireRelease(Scope.make(), (own) =>
      Effect.forkDetach(Scope.close(own, Exit.void), { startImmediately: true })
    )
    const options = { ...listen, disablePreemptiveShutdown: true }
    yield* Listening.prepare(listen)
    const http = yield* Scope.provide(Listening.typed(NodeHttpServer.make(() => server, options)), own)
    const scope = yield* Scope.make()
    // Closing the scope interrupts the handlers and waits for them: in a separate fiber, because a handler may refuse.
    const ending = once(
      Effect.suspend(() => {
        gate.turnAway()
        const cut = traffic.giveUp()
        return Effect.map(Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true }), (fiber) => ({
          fiber,
          cut
        }))
      })
    )
    let begin = () => {}
    return {
      address: http.address,
      serve: (handler: Handler, early?: Early) =>
        Effect.gen(function* () {
          const context = yield* Effect.context()
          // In one turn: a request that came in between would be lost, or be handled twice.
          begin = () => Effect.runSyncWith(context)(Scope.provide(http.serve(handler), scope))
          if (early === undefined) return
          const answer = yield* NodeHttpServer.makeHandler(early.handler as Effect.Effect<any>, { scope })
          gate.passEarly(early.requests, answer)
        }),
      open: Effect.sync(() => gate.open(begin)),
      closing: Effect.sync(traffic.closing),
      refuse: Effect.sync(() => {
        if (!gate.opened()) gate.turnAway()
        traffic.refuse()
      }),
      // Waits for the finalizers of handlers too: they may use services that the application releases next.
      idle: Effect.andThen(
        traffic.idle,
        Effect.flatMap(ending, ({ fiber }) => Fiber.await(fiber))
      ),
      interrupt: Effect.map(ending, ({ cut }) => cut),
      destroy: Effect.sync(traffic.destroy),
      pending: traffic.pending
    } satisfies Host
  })
