/** The same routes in an App and on Effect's server alone: started, and stopped as each is stopped. */
import { createServer } from "node:http"

import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"

import { App } from "../../src/app/index.ts"
import { NodeApp } from "../../src/app/node/index.ts"
import { host } from "../server/Contender.ts"

export interface Running {
  readonly port: number
  /** Stops it, and waits until it has ended. */
  readonly stop: () => Promise<void>
}

/** How long the answer of `/slow` takes, in milliseconds. */
const slowMillis = 100

/** How long `/stubborn` works without letting itself be interrupted, in milliseconds. */
const stubbornMillis = 12_000

/** The number of requests at `/held`, and the function that answers them. */
export const held = { count: 0, release: () => {} }
let released = Deferred.makeUnsafe<void>()

/** Makes `/held` ready for a round. */
export const hold = (): void => {
  const next = Deferred.makeUnsafe<void>()
  released = next
  held.count = 0
  held.release = () => Deferred.doneUnsafe(next, Effect.void)
}

const large = new Uint8Array(20 * 1024 * 1024).fill(120)

const routes = Layer.mergeAll(
  HttpRouter.add(
    "GET",
    "/held",
    Effect.suspend(() => {
      held.count++
      return Effect.as(Deferred.await(released), HttpServerResponse.text("held"))
    })
  ),
  HttpRouter.add("GET", "/large", HttpServerResponse.uint8Array(large)),
  HttpRouter.add("GET", "/", HttpServerResponse.text("quick")),
  HttpRouter.add("GET", "/slow", Effect.as(Effect.sleep(slowMillis), HttpServerResponse.text("slow"))),
  HttpRouter.add("GET", "/endless", Effect.never),
  HttpRouter.add(
    "GET",
    "/stubborn",
    Effect.uninterruptible(Effect.as(Effect.sleep(stubbornMillis), HttpServerResponse.text("at last")))
  )
)

/** The grace of both for requests in flight before they interrupt them. */
const grace = "2 seconds"

const portOf = (address: NetAddress.SocketAddress | undefined): number => {
  if (address === undefined || !("port" in address)) throw new Error("It does not listen on a port.")
  return address.port
}

const app = (readinessDelay: number) => async (): Promise<Running> => {
  const scope = Scope.makeUnsafe()
  const quiet = Logger.layer([])
  const launch = NodeApp.launch(App.make("bench").manage(quiet).mount(routes), { port: 0, host, grace, readinessDelay })
  const built = await Effect.runPromise(Layer.buildWithScope(launch, scope))
  const { address, shutdown, stopped } = Context.get(built, App.Launched)
  return {
    port: portOf(address),
    stop: () =>
      Effect.runPromise(shutdown.notify.pipe(Effect.andThen(stopped), Effect.andThen(Scope.close(scope, Exit.void))))
  }
}

const plain = async (): Promise<Running> => {
  const scope = Scope.makeUnsafe()
  const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layerServer(() => createServer(), { port: 0, host, gracefulShutdownTimeout: grace })
    )
  )
  const services = Layer.provideMerge(server, NodeHttpServer.layerHttpServices)
  const built = await Effect.runPromise(Layer.buildWithScope(services, scope))
  const { address } = Context.get(built, HttpServer.HttpServer)
  return { port: portOf(address), stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

export const contenders = {
  "Fairlead App": app(0),
  "Fairlead App, readinessDelay 500 ms": app(500),
  "NodeHttpServer alone": plain
} as const

/** Those whose lives are timed: a delay would only be added. */
export const lived = ["Fairlead App", "NodeHttpServer alone"] as const

export type Contender = keyof typeof contenders
