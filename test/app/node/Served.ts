/**
 * Serves the same routes by `NodeApp.launch` and by plain `NodeHttpServer`, stops both in the same situation, and compares the seconds.
 */
import { createServer } from "node:http"
import type { Socket } from "node:net"

import { NodeHttpServer } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { HttpRouter } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { turn } from "../../kit/Settling.ts"

/** Short times, so that the suite is quick. */
export const brief = { grace: 300, mercy: 300 } as const

/** More grace than is needed: what must not wait for its end shows that it does not, on a busy machine too. */
export const patient = { grace: 60_000, mercy: 300 } as const

/** More mercy than is needed. */
export const merciful = { grace: 300, mercy: 60_000 } as const

/** The seconds in which nothing has ended that waited for the grace of `patient` or the mercy of `merciful`. */
export const soon = 30

/** The milliseconds of a handler that nothing may wait for. */
export const tooLong = 120_000

/** What a shutdown may take beyond grace and mercy, in seconds: less than what it must not wait for. */
const slack = 30

export type Routes = Layer.Layer<never, never, HttpRouter.HttpRouter>

/** A server that answers. */
interface Server {
  readonly port: number
}

/** An application that answers. */
interface Serving extends Server {
  readonly launched: App.Launched["Service"]
  /** Closes its scope, and gives the seconds that it took. */
  readonly stop: Effect.Effect<number>
}

const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toSeconds(duration))

export const portOf = (address: App.Launched["Service"]["address"]): number => {
  if (address?._tag !== "InetAddressV4") throw new Error("It does not listen on an IPv4 address")
  return address.port
}

/** Launches an application on a free port. */
export const launch = Effect.fnUntraced(function* <P, E>(
  app: App.App<P, E, never>,
  options: NodeApp.LaunchOptions = brief
) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const layer = NodeApp.launch(app, { port: 0, host: "127.0.0.1", ...options })
  const launched = Context.get(yield* Layer.buildWithScope(layer, scope), App.Launched)
  const serving: Serving = {
    launched,
    port: portOf(launched.address),
    stop: seconds(Scope.close(scope, Exit.void))
  }
  return serving
})

/** Serves by Effect alone. What is still open after `cap` is destroyed, and counts as that long. */
const plain = Effect.fnUntraced(function* (routes: Routes, graceful: Duration.Input | undefined, cap: number) {
  const scope = yield* Scope.make()
  const server = createServer()
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  const options = {
    port: 0,
    host: "127.0.0.1",
    ...(graceful === undefined ? {} : { gracefulShutdownTimeout: graceful })
  }
  const layer = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(NodeHttpServer.layerServer(() => server, options))
  )
  yield* Layer.buildWithScope(layer, scope)
  const address = server.address()
  assert.isObject(address)
  const destroy = Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  const stop = Effect.gen(function* () {
    const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
    const [duration, closed] = yield* Effect.timed(Effect.timeoutOption(Fiber.await(closing), cap))
    // What it destroyed itself says so a turn later.
    yield* Effect.repeat(turn, { times: 3 })
    const left = sockets.size
    yield* destroy
    return { took: Duration.toSeconds(duration), capped: Option.isNone(closed), left }
  })
  return { port: (address as { readonly port: number }).port, stop }
})

interface Row {
  readonly name: string
  readonly app: number
  readonly plain: number
  readonly capped: boolean
  /** How many sockets plain Effect left open. */
  readonly left: number
}

/** A table of how long each situation took to stop, in seconds. */
export const table = () => {
  const rows: Array<Row> = []
  const line = (name: string, ...columns: ReadonlyArray<string>) =>
    [name.padEnd(60), ...columns.map((column) => column.padStart(9))].join(" ")
  const shown = ({ app, capped, left, name, plain }: Row) =>
    line(name, app.toFixed(3), capped ? `> ${plain.toFixed(1)}` : plain.toFixed(3), String(left))
  return {
    rows,
    print: () => console.log([line("seconds to stop", "NodeApp", "plain", "left open"), ...rows.map(shown)].join("\n"))
  }
}

export type Table = ReturnType<typeof table>

/** A situation in which a server is stopped: what it serves, how the clients stand, and what they see. */
export interface Situation {
  readonly routes: Routes
  /** Brings the clients to where the server is stopped; what it gives is checked after the application stopped. */
  readonly clients: (
    server: Server
  ) => Effect.Effect<((took: number, serving: Serving) => Effect.Effect<void>) | void, never, Scope.Scope>
}

/**
 * Stops an application, and a plain server, in the same situation; the application within grace, mercy and a little. A situation is told when the stop
 * begins. Plain Effect is waited for `cap` milliseconds.
 */
export const compare =
  (table: Table, cap = 3000) =>
  (name: string, options: NodeApp.LaunchOptions, situation: (stopping: Effect.Effect<void>) => Situation) =>
    Effect.scoped(
      Effect.gen(function* () {
        const told = yield* Deferred.make<void>()
        const there = situation(Deferred.await(told))
        const other = yield* plain(there.routes, options.grace, cap)
        yield* there.clients(other)
        const here = situation(Deferred.await(told))
        const serving = yield* launch(App.make("compared").mount(here.routes), options)
        const check = yield* here.clients(serving)
        yield* Deferred.succeed(told, undefined)
        const [app, { capped, left, took }] = yield* Effect.all([serving.stop, other.stop], {
          concurrency: "unbounded"
        })
        table.rows.push({ name, app, plain: took, capped, left })
        const { grace = "2 seconds", mercy = "3 seconds", readinessDelay = 0 } = options
        const limit = [grace, mercy, readinessDelay].reduce<number>(
          (sum, part) => sum + Duration.toSeconds(part),
          slack
        )
        assert.isBelow(app, limit, `${name}: ${app} s`)
        if (typeof check === "function") yield* check(app, serving)
      })
    )
