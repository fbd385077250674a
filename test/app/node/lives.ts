/**
 * A process that launches and shuts down an application many times, and tells what was open before and after.
 */
import { strictEqual } from "node:assert"
import { Server, ServerResponse } from "node:http"
import { Socket as NetSocket } from "node:net"
import { queryObjects } from "node:v8"

import { Effect, Exit, Layer, Logger, Metric, Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { turn } from "../../kit/Settling.ts"
import { head, peer, raw, word } from "./Clients.ts"
import { launch } from "./Served.ts"

/** Counts the fibers that run below it. */
const counted = () => {
  let live = 0
  let started = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      started++
      live++
    },
    recordFiberEnd: () => void live--
  }
  return { live: () => live, started: () => started, layer: Layer.succeed(Metric.FiberRuntimeMetrics)(service) }
}

const listeners = () =>
  process.eventNames().reduce((sum, event) => sum + process.listenerCount(event as NodeJS.Signals), 0)

/** What is open in this process: the resources that would keep it alive, listeners, fibers, and objects that were not collected. */
const figures = (fibers: () => number) =>
  Effect.gen(function* () {
    // Closed handles and finished fibers are gone a few turns later.
    yield* Effect.repeat(turn, { times: 20 })
    const resources: Record<string, number> = {}
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
    return {
      resources,
      listeners: listeners(),
      fibers: fibers(),
      servers: queryObjects(Server, { format: "count" }),
      responses: queryObjects(ServerResponse, { format: "count" }),
      sockets: queryObjects(NetSocket, { format: "count" })
    }
  })

const echo = Effect.gen(function* () {
  const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
  const pull = yield* Socket.readerString(socket)
  yield* (yield* socket.writer).write("welcome")
  return yield* Effect.forever(pull)
})

/** One life of an application, with a kept connection, a request that never ends, half a request and a WebSocket. */
const life = Effect.scoped(
  Effect.gen(function* () {
    const began = word()
    const app = App.make("life")
      .attach(
        Fairing.make("hooks", {
          onIgnite: () => Effect.void,
          onLiftoff: () => Effect.void,
          onShutdown: () => Effect.void
        })
      )
      .mount(
        Layer.mergeAll(
          HttpRouter.add("GET", "/", HttpServerResponse.text("hello")),
          HttpRouter.add("GET", "/never", Effect.andThen(began.say, Effect.never)),
          HttpRouter.add("GET", "/echo", Effect.orDie(Effect.scoped(echo)))
        )
      )
    const { port, stop } = yield* launch(app, { grace: 1, mercy: 2000 })
    const kept = yield* raw(port, head("GET /"))
    yield* kept.until(/hello$/)
    yield* raw(port, "GET / HT")
    yield* raw(port, head("GET /never"))
    const client = yield* peer(port, "/echo")
    yield* client.message
    yield* began.heard
    yield* stop
    strictEqual(yield* client.code, 1001)
  })
)

/** A launch that fails at liftoff, and one whose port is taken. */
const failing = Effect.scoped(
  Effect.gen(function* () {
    const dying = App.make("dying").attach(Fairing.onLiftoff("dying", () => Effect.die("no")))
    const scope = yield* Scope.make()
    const exit = yield* Effect.exit(Layer.buildWithScope(NodeApp.launch(dying, { port: 0, host: "127.0.0.1" }), scope))
    yield* Scope.close(scope, exit)
    strictEqual(Exit.isFailure(exit), true)
    const { port } = yield* launch(App.make("taken"))
    yield* Effect.flip(Effect.scoped(launch(App.make("other"), { port })))
  })
)

const { layer, live, started } = counted()

Effect.gen(function* () {
  // What is made once and kept is there after the first.
  yield* Effect.repeat(Effect.andThen(life, failing), { times: 4 })
  const before = yield* figures(live)
  for (let round = 0; round < 200; round++) {
    yield* life
    if (round % 10 === 0) yield* failing
  }
  const after = yield* figures(live)
  console.log(JSON.stringify({ before, after, started: started() }))
}).pipe(Effect.provide(Layer.merge(layer, Logger.layer([]))), Effect.runPromise)
