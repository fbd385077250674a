/**
 * The conformance server of the examples, in this process, over each way in which a request becomes a socket.
 */
import { createServer } from "node:http"

import { NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { Shutdown } from "fairlead"
import { NodeUpgrade } from "fairlead/channel/node"
import { afterAll, beforeAll } from "vitest"

import { conformance } from "../../examples/phoenix-conformance/Server.ts"
import { NotUpgradable, Upgrade } from "../../src/channel/Upgrade.ts"

type Routes = Layer.Layer<never, never, HttpRouter.HttpRouter>

/** Ways of making sockets, by name. */
export const upgrades: ReadonlyArray<readonly [string, Layer.Layer<never>]> = [
  ["NodeUpgrade", NodeUpgrade.layer],
  ["the default upgrade", Layer.empty]
]

/** A proxy that lets no WebSocket through answers its handshake as an ordinary request. */
export const withoutWebSockets = Layer.succeed(Upgrade, () =>
  Effect.fail(new NotUpgradable({ description: "WebSockets do not get through" }))
)

/** A server that listens. */
export interface Served {
  readonly port: number
  /** Where HTTP requests go. */
  readonly http: string
  /** Where sockets connect, without the mount. */
  readonly ws: string
  /** Tells the parts that the application is to stop; what is open stays open until they close it. */
  readonly shutdown: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Serves routes on a port, by default a free one, until it is closed. */
export const serve = async (upgrade: Layer.Layer<never>, routes: Routes = conformance, port = 0): Promise<Served> => {
  const scope = Effect.runSync(Scope.make())
  const shutdown = Effect.runSync(Shutdown.make)
  const layer = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide([upgrade, Logger.layer([]), Layer.succeed(Shutdown.Shutdown, shutdown)]),
    Layer.provideMerge(
      NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1", gracefulShutdownTimeout: 0 })
    )
  )
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const { address } = Context.get(context, HttpServer.HttpServer)
  if (address._tag !== "InetAddressV4") throw new Error("It does not listen on an IPv4 address")
  return {
    port: address.port,
    http: `http://127.0.0.1:${address.port}`,
    ws: `ws://127.0.0.1:${address.port}`,
    shutdown: () => Effect.runPromise(shutdown.notify),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** A server for all tests of a suite. */
export const shared = (upgrade: Layer.Layer<never>, routes?: Routes): { readonly server: () => Served } => {
  let served: Served
  beforeAll(async () => {
    served = await serve(upgrade, routes)
  })
  afterAll(() => served.close())
  return { server: () => served }
}

/** Asks the server to do something from outside. */
export const control = async (served: Served, what: "broadcast" | "disconnect", body: object): Promise<void> => {
  const answer = await fetch(`${served.http}/__test/${what}`, { method: "POST", body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`)
}
