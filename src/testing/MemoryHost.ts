/**
 * Hosts an application without a socket. Internal to the testing kit of the app part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ClientAbort } from "effect/http/HttpServerError"
import * as Latch from "effect/Latch"
import * as NetAddress from "effect/net/NetAddress"

import { titleOf } from "../app/Host.ts"
import type { Early, Handler, Host } from "../app/Host.ts"
import { handle, replyOf } from "./MemoryExchange.ts"
import type { Handled, Reply } from "./MemoryExchange.ts"

/** A host that takes requests in memory. */
export interface MemoryHost extends Host {
  /** Sends one request and reads its reply to the end. */
  readonly exchange: (request: globalThis.Request) => Effect.Effect<Reply>
  /** Hangs up every connection, accepts no further ones, and waits for the interrupted handlers. */
  readonly drop: Effect.Effect<void>
}

interface Connection {
  readonly fiber: Fiber.Fiber<void>
  readonly handled: Deferred.Deferred<Handled>
  readonly cut: Deferred.Deferred<void>
  readonly title: string
  /** Whether the head of the response was sent. */
  sent: boolean
}

/** Makes a host for the application of this name. */
export const make = (app: string): Effect.Effect<MemoryHost> =>
  Effect.gen(function* () {
    const idle = yield* Latch.make(true)
    const connections = new Set<Connection>()
    let served:
      | { readonly handler: Handler; readonly early: Early | undefined; readonly context: Context.Context<never> }
      | undefined
    let serving = false
    const pending = () => Array.from(connections, ({ title }) => title)

    const connect = (request: globalThis.Request): Effect.Effect<Connection> =>
      Effect.suspend(() => {
        const title = titleOf(request.method, new URL(request.url).pathname)
        const handler = served?.early?.requests.has(title) && !serving ? served.early.handler : served?.handler
        if (served === undefined || handler === undefined || (!serving && handler === served.handler)) {
          return Effect.die(new Error(`The app "${app}" is not serving: ${title} was refused`))
        }
        const { context } = served
        const handled = Deferred.makeUnsafe<Handled>()
        // An interrupted handler is answered for, so what it came to is not the end of its fiber.
        const answering = Effect.uninterruptible(
          Effect.gen(function* () {
            // The connection is known before its handler does anything.
            yield* Effect.yieldNow
            yield* Deferred.succeed(handled, yield* handle(handler, request))
          })
        )
        // The request has the application's own context and nothing of the sender's.
        const fiber = Effect.runForkWith(context)(answering)
        const connection = { fiber, handled, title, cut: Deferred.makeUnsafe<void>(), sent: false }
        connections.add(connection)
        return Effect.as(idle.close, connection)
      })

    const close = (connection: Connection, exit: Exit.Exit<unknown>): Effect.Effect<unknown> =>
      Effect.andThen(
        Exit.hasInterrupts(exit) ? hangUp(connection) : Effect.void,
        Effect.suspend(() => {
          connections.delete(connection)
          return connections.size === 0 ? idle.open : Effect.void
        })
      )

    const answer = (connection: Connection): Effect.Effect<Reply> =>
      Effect.flatMap(Deferred.await(connection.handled), (handled) => {
        connection.sent = true
        return replyOf(handled)
      })

    // An interrupted sender has hung up: interrupt the handler, and wait for its finalizers.
    const hangUp = ({ cut, fiber }: Connection): Effect.Effect<unknown> =>
      Effect.suspend(() => {
        fiber.interruptUnsafe(undefined, ClientAbort.annotation)
        return Effect.raceFirst(Fiber.await(fiber), Deferred.await(cut))
      })

    const cutAll = (which: (connection: Connection) => boolean): Effect.Effect<ReadonlyArray<string>> =>
      Effect.sync(() => {
        const found = Array.from(connections).filter(which)
        for (const { cut } of found) Deferred.doneUnsafe(cut, Effect.void)
        return found.map(({ title }) => title)
      })

    return {
      address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80),
      serve: (handler, early) =>
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.sync(() => {
            served = { handler, early, context }
          })
        ),
      open: Effect.sync(() => {
        serving = true
      }),
      closing: Effect.void,
      refuse: Effect.sync(() => {
        serving = false
        if (served !== undefined) served = { ...served, early: undefined }
      }),
      idle: idle.await,
      interrupt: Effect.suspend(() => {
        const cut = pending()
        const waiting = Array.from(connections).filter(({ sent }) => !sent)
        return Effect.andThen(
          cutAll(({ sent }) => sent),
          Effect.as(Effect.forkDetach(Fiber.interruptAll(waiting.map(({ fiber }) => fiber))), cut)
        )
      }),
      destroy: cutAll(() => true),
      pending,
      exchange: (request) =>
        Effect.acquireUseRelease(
          connect(request),
          (connection) =>
            Effect.raceFirst(
              answer(connection),
              Effect.andThen(
                Deferred.await(connection.cut),
                Effect.die(new Error(`The app "${app}" closed the connection before the end of ${connection.title}`))
              )
            ),
          close
        ),
      drop: Effect.suspend(() => {
        serving = false
        served = undefined
        const fibers = Array.from(connections, ({ fiber }) => fiber)
        return Effect.andThen(
          cutAll(() => true),
          Fiber.interruptAll(fibers)
        )
      })
    } satisfies MemoryHost
  })
