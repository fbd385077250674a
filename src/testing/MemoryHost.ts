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

import type { Handler } from "../app/Ignition.ts"
import type { Host } from "../app/LifeCycle.ts"
import { handle, replyOf } from "./Exchange.ts"
import type { Handled, Reply } from "./Exchange.ts"

/** A host that requests are given to in memory. */
export interface MemoryHost extends Host {
  /** Sends one request and reads its reply to the end. */
  readonly exchange: (request: globalThis.Request) => Effect.Effect<Reply>
  /** Hangs up every connection, takes no more, and waits for the handlers that are interrupted by it. */
  readonly drop: Effect.Effect<void>
}

interface Connection {
  readonly fiber: Fiber.Fiber<void>
  readonly handled: Deferred.Deferred<Handled>
  readonly cut: Deferred.Deferred<void>
  /** Whether the head of the response was sent. */
  sent: boolean
}

/** Makes a host for the application of this name. */
export const make = (app: string): Effect.Effect<MemoryHost> =>
  Effect.gen(function* () {
    const idle = yield* Latch.make(true)
    const connections = new Set<Connection>()
    let served: { readonly handler: Handler; readonly context: Context.Context<never> } | undefined
    let serving = false

    const connect = (request: globalThis.Request): Effect.Effect<Connection> =>
      Effect.suspend(() => {
        if (!serving || served === undefined) {
          return Effect.die(new Error(`The app "${app}" is not serving: ${titleOf(request)} was refused`))
        }
        const { context, handler } = served
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
        const connection = { fiber, handled, cut: Deferred.makeUnsafe<void>(), sent: false }
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

    // A sender that is interrupted has hung up: the handler is interrupted, and its finalizers are waited for.
    const hangUp = ({ cut, fiber }: Connection): Effect.Effect<unknown> =>
      Effect.suspend(() => {
        fiber.interruptUnsafe(undefined, ClientAbort.annotation)
        return Effect.raceFirst(Fiber.await(fiber), Deferred.await(cut))
      })

    const cutAll = (which: (connection: Connection) => boolean): Effect.Effect<number> =>
      Effect.sync(() => {
        const found = Array.from(connections).filter(which)
        for (const { cut } of found) Deferred.doneUnsafe(cut, Effect.void)
        return found.length
      })

    return {
      address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80),
      serve: (handler) =>
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.sync(() => {
            served = { handler, context }
          })
        ),
      open: Effect.sync(() => {
        serving = true
      }),
      refuse: Effect.sync(() => {
        serving = false
      }),
      idle: idle.await,
      interrupt: Effect.suspend(() => {
        const waiting = Array.from(connections).filter(({ sent }) => !sent)
        return Effect.andThen(
          cutAll(({ sent }) => sent),
          Fiber.interruptAll(waiting.map(({ fiber }) => fiber))
        )
      }),
      destroy: cutAll(() => true),
      exchange: (request) =>
        Effect.acquireUseRelease(
          connect(request),
          (connection) =>
            Effect.raceFirst(
              answer(connection),
              Effect.andThen(
                Deferred.await(connection.cut),
                Effect.die(new Error(`The app "${app}" closed the connection before the end of ${titleOf(request)}`))
              )
            ),
          close
        ),
      drop: Effect.suspend(() => {
        serving = false
        const fibers = Array.from(connections, ({ fiber }) => fiber)
        return Effect.andThen(
          cutAll(() => true),
          Fiber.interruptAll(fibers)
        )
      })
    } satisfies MemoryHost
  })

const titleOf = ({ method, url }: globalThis.Request): string => `${method} ${new URL(url).pathname}`
