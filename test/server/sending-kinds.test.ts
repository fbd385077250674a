// @effect-diagnostics layerMergeAllWithDependencies:off
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import type { Scope } from "effect"
import { Deferred, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { Probe } from "fairlead"
import { App } from "fairlead/app"
import { Pipeline } from "fairlead/server"

import { keepLogs } from "./Logs.ts"
import { makeApp, makeFront, makeRoutes } from "./ResponseKinds.ts"
import type { Seen } from "./ResponseKinds.ts"
import { serving } from "./Socket.ts"

interface Call {
  readonly method: string
  readonly path: string
  readonly signal?: AbortSignal
  readonly body?: string
}

/** Sends a request, and says whether its response carried the header of the sending stage. */
type Send = (call: Call) => Promise<boolean>

const initOf = ({ body, method, signal }: Call): RequestInit => ({
  method,
  headers: body === undefined ? {} : { "content-type": "application/json" },
  ...(body === undefined ? {} : { body }),
  ...(signal === undefined ? {} : { signal })
})

const marked = async (response: Response): Promise<boolean> => {
  await response.arrayBuffer().catch(() => {})
  return response.headers.get("x-sent") === "yes"
}

const overSocket = (app: Layer.Layer<never, any, any>) =>
  Effect.map(
    serving(Layer.provide(app, NodeHttpServer.layerHttpServices) as never),
    ({ url }): Send =>
      async (call) => {
        if (call.path !== "/socket") return marked(await fetch(new URL(call.path, url), initOf(call)))
        const socket = new WebSocket(new URL(call.path, url.replace("http", "ws")))
        socket.addEventListener("message", () => socket.close())
        await new Promise((resolve) => socket.addEventListener("close", resolve))
        return false
      }
  )

const quiet = { disableLogger: true, disableListenLog: true }
const bare = (route: unknown) => route

/** Notes the end of each flow of the pipeline under test. */
const flowsOf = (seen: Seen): Layer.Layer<never> =>
  Probe.layer(
    Effect.succeed({
      report: ({ composite, outcome, phase, subject, type }) => {
        if (composite !== "under-test" || phase !== "flow" || type === "start") return
        const sizes = [subject?.["http.response.status_code"], outcome, subject?.["http.response.body.size"] ?? "?"]
        seen.flows.push(sizes.join(" "))
      }
    })
  )

/** How the app with the stages under test comes to each terminal. */
const terminals: Readonly<
  Record<string, (seen: Seen, reached: Deferred.Deferred<void>) => Effect.Effect<Send, unknown, any>>
> = {
  serve: (seen, reached) =>
    overSocket(Layer.unwrap(Effect.map(makeApp(seen, reached), (app) => Pipeline.serve(app as never)))),
  App: (seen, reached) =>
    overSocket(
      Layer.unwrap(
        Effect.map(makeApp(seen, reached), (app) =>
          App.launch(App.make("kinds").serve(app as never), Layer.effect(HttpServer.HttpServer, HttpServer.HttpServer))
        )
      ) as never
    ),
  toWebHandlerLayer: (seen, reached) =>
    Effect.gen(function* () {
      const app = yield* Effect.provide(makeApp(seen, reached) as never, NodeHttpServer.layerHttpServices)
      const services = Layer.merge(NodeHttpServer.layerHttpServices, flowsOf(seen))
      const { dispose, handler } = Pipeline.toWebHandlerLayer(app as never, services)
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      return async (call: Call) => marked(await handler(new Request(`http://localhost${call.path}`, initOf(call))))
    }),
  globalMiddleware: (seen, reached) =>
    overSocket(
      HttpRouter.serve(
        makeRoutes(reached, bare).pipe(Layer.provide(Pipeline.globalMiddleware(makeFront(seen)) as never)),
        quiet
      )
    ),
  middleware: (seen, reached) =>
    overSocket(
      HttpRouter.serve(
        makeRoutes(reached, bare).pipe(Layer.provide(Pipeline.middleware(makeFront(seen)).layer as never)),
        quiet
      )
    ),
  wrap: (seen, reached) =>
    overSocket(HttpRouter.serve(makeRoutes(reached, Pipeline.wrap(makeFront(seen)) as never), quiet)),
  layerHttpServer: (seen, reached) =>
    overSocket(
      HttpRouter.serve(makeRoutes(reached, bare), quiet).pipe(
        Layer.provide(Pipeline.layerHttpServer(makeFront(seen) as never) as never)
      )
    )
}

/**
 * What `sending`, `ended` and the probe see, by kind of response: the status and the route; the status, the body's Exit and its bytes; the status, the
 * outcome and the bytes of the pipeline's flow.
 */
const cells: Readonly<Record<string, readonly [sent: string | undefined, ended: string, flow: string]>> = {
  "GET /success/1": ["200 /success/:id", "200 Success 4", "200 success 4"],
  "GET /recovered": ["202 /recovered", "202 Success 9", "202 success 9"],
  "GET /responds": ["409 /responds", "409 Success 16", "409 success 16"],
  "GET /defect": ["500 /defect", "500 Success 0", "500 defect 0"],
  "GET /unhandled": ["500 /unhandled", "500 Success 0", "500 failure 0"],
  "GET /early": ["503 /early", "503 Success 0", "503 success 0"],
  "GET /missing": ["404 /missing", "404 Success 0", "404 success 0"],
  "GET /unreadable": ["400 /unreadable", "400 Success 0", "400 success 0"],
  "OPTIONS /recovered": ["404 /recovered", "404 Success 0", "404 success 0"],
  "GET /api/declared": ["410 /api/declared", "410 Success 17", "410 success 17"],
  "POST /api/schema": ["400 /api/schema", "400 Success 0", "400 defect 0"],
  "HEAD /recovered": ["202 /recovered", "202 Success 0", "202 success 0"],
  "GET /not-modified": ["304 /not-modified", "304 Success 0", "304 success 0"],
  "GET /stream": ["200 /stream", "200 Success 12", "200 success 12"],
  "GET /breaks": ["200 /breaks", "200 Failure 8", "200 failure 8"],
  "GET /file": ["200 /file", "200 Success 16", "200 success 16"],
  "GET /aborted": ["499 /aborted", "499 Failure aborted 0", "499 interrupt 0"],
  // The transport wrote the 101 itself.
  "GET /socket": [undefined, "101 Success 0", "101 success 0"]
}

const routersOwn = ["GET /early", "GET /missing", "OPTIONS /recovered"]
const apis = ["GET /api/declared", "POST /api/schema"]

/** What a terminal never sees: it is in front of single routes, or there is no such thing. */
const outside: Readonly<Record<string, ReadonlyArray<string>>> = {
  middleware: routersOwn,
  wrap: [...routersOwn, ...apis]
}

const untilSeen = (done: () => boolean) =>
  Effect.promise(async () => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 1))
  })

const callOf = (kind: string, reached: Deferred.Deferred<void>): Call => {
  const [method = "", path = ""] = kind.split(" ")
  if (method === "POST") return { method, path, body: "{}" }
  if (path !== "/aborted") return { method, path }
  const abort = new AbortController()
  Effect.runFork(
    Effect.andThen(
      Deferred.await(reached),
      Effect.sync(() => abort.abort())
    )
  )
  return { method, path, signal: abort.signal }
}

describe("every kind of response passes sending, ended and the probe", () => {
  for (const [name, terminal] of Object.entries(terminals)) {
    it.live(
      `server2 1.3: on ${name}`,
      () =>
        Effect.gen(function* () {
          const seen: Seen = { sent: [], ended: [], flows: [] }
          const reached = yield* Deferred.make<void>()
          const send = yield* Effect.provide(terminal(seen, reached), flowsOf(seen))
          for (const [kind, [sent, ended, flow]] of Object.entries(cells)) {
            if (name === "toWebHandlerLayer" && kind === "GET /socket") continue
            const isOutside = outside[name]?.includes(kind) === true
            const mark = yield* Effect.promise(() => send(callOf(kind, reached)).catch(() => sent !== undefined))
            if (!isOutside) yield* untilSeen(() => seen.flows.length > 0)
            const isSent = sent !== undefined && !isOutside
            assert.strictEqual(mark || sent?.startsWith("499") === true, isSent, kind)
            assert.deepStrictEqual(seen.sent.splice(0), isSent ? [sent] : [], kind)
            assert.deepStrictEqual(seen.ended.splice(0), isOutside ? [] : [ended], kind)
            assert.deepStrictEqual(seen.flows.splice(0), isOutside ? [] : [flow], kind)
          }
        }).pipe(Effect.provide(keepLogs().layer)) as Effect.Effect<void, unknown, Scope.Scope>
    )
  }
})
