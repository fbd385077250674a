/**
 * Hosts an application on the `HttpServer` of any layer. Internal to the app part.
 *
 * It knows requests, not sockets: it can wait for requests and interrupt them, but it cannot refuse connections or destroy them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { titleOf } from "./Host.ts"
import type { Early, Handler, Host } from "./Host.ts"

/** Hosts on the server of the layer. Internal to the app part. */
export const make = <E, R>(server: Layer.Layer<HttpServer.HttpServer, E, R>): Effect.Effect<Host, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { address, serve } = Context.get(yield* Layer.build(server), HttpServer.HttpServer)
    const scope = yield* Scope.make()
    const gate = yield* Latch.make()
    const idle = yield* Latch.make(true)
    const inFlight = new Set<{ readonly title: string }>()
    let open = 0
    let closing = false
    let handler: Handler | undefined
    let early: Early | undefined
    // After the gate a request costs one comparison.
    let opened = false
    // In flight until its scope closes: a streamed body is sent after the handler has ended.
    const counted = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
      const request = { title: titleOf(method, url) }
      const entered = Effect.sync(() => {
        inFlight.add(request)
        open++
        idle.closeUnsafe()
      })
      const left = Effect.sync(() => {
        inFlight.delete(request)
        if (--open === 0) idle.openUnsafe()
      })
      const waiting = Effect.andThen(Effect.interruptible(gate.await), handler!)
      const whileLifting = early?.requests.has(request.title) ? early.handler : waiting
      const answered = Effect.andThen(
        Effect.acquireRelease(entered, () => left),
        opened ? handler! : whileLifting
      )
      return Effect.onExit(answered, () => HttpEffect.appendPreResponseHandler(closes))
    })
    const closes: HttpEffect.PreResponseHandler = (_, response) =>
      Effect.succeed(closing ? HttpServerResponse.setHeader(response, "connection", "close") : response)
    const pending = () => Array.from(inFlight, ({ title }) => title)
    return {
      address,
      serve: (given, whileLifting) => {
        const serving = Scope.provide(serve(counted), scope)
        return Effect.suspend(() => {
          handler = given
          early = whileLifting
          return serving
        })
      },
      open: Effect.suspend(() => {
        opened = true
        return gate.open
      }),
      closing: Effect.sync(() => {
        closing = true
      }),
      refuse: Effect.void,
      idle: idle.await,
      interrupt: Effect.suspend(() => {
        const cut = pending()
        return Effect.as(Effect.forkDetach(Scope.close(scope, Exit.void)), cut)
      }),
      destroy: Effect.suspend(() => {
        const left = pending()
        return Effect.as(Effect.forkDetach(Scope.close(scope, Exit.void)), left)
      }),
      pending
    } satisfies Host
  })
