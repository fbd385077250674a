/**
 * An interruption at any operation of a request leaves nothing behind: not in the interpreter, nor in the response's way out, nor in a peeked body.
 */
import { createHash } from "node:crypto"

import { assert, describe } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Metric, Schema, Scope, Stream } from "effect"
import { HttpClient, HttpClientResponse, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import {
  authentication,
  AuthenticationError,
  bodyLimit,
  concurrencyLimit,
  idempotencyKey,
  IdempotencyStore,
  Jwt,
  loadShed,
  rateLimit,
  metrics,
  requestId,
  ServerLoad,
  session,
  timeouts
} from "fairlead/server/middleware"
import type { Session } from "fairlead/server/middleware"

import { sweeps } from "../kit/Sweeping.ts"
import { handle, ledger, pause, sessionsIn } from "./Handling.ts"
import { Name, Place, Red } from "./Journal.ts"

describe("the interpreter", () => {
  sweeps("server a pipeline of every kind of stage", {
    make: Effect.sync(() => {
      const { count, hold, note } = ledger()
      const app = Pipeline.make("p")
        .outer(
          Middleware.outer("outer", (app) =>
            Effect.acquireUseRelease(
              note("+outer"),
              () => app,
              () => note("-outer")
            )
          )
        )
        .before(Middleware.before("held", Name, Effect.as(Effect.andThen(hold("before"), pause), "Ada")))
        .before(Middleware.before("fails", Effect.andThen(pause, Effect.fail(new Red({ by: "B" })))))
        .recover("Red", () => pause)
        .link(Middleware.pair("pair", Place, Effect.as(pause, "here"), (response) => Effect.as(pause, response)))
        .handle(Effect.as(Effect.andThen(hold("handler"), pause), HttpServerResponse.text("body")), (app) =>
          Effect.andThen(pause, app)
        )
        .onExit("exit", () => Effect.andThen(pause, note("exit")))
        .after(Middleware.after("after", (response) => Effect.as(pause, response)))
      return { app, count, note }
    }),
    call: ({ app, note }) => Effect.andThen(note("called"), handle(app)),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        yield* handle(app)
        for (const name of ["before", "handler", "outer"]) {
          assert.strictEqual(count(`+${name}`), count(`-${name}`), name)
        }
        assert.isAtLeast(count("exit"), 1)
        assert.isAtMost(count("exit"), 2)
      })
  })
})

const id = "A".repeat(43)
const digest = createHash("sha256").update(id).digest("base64url")

class Count extends Context.Service<Count, Session<number>>()("test/sweeps/Count") {}
class Auth extends Middleware.Service<Auth>()("test/sweeps/Auth", { provides: Name, error: AuthenticationError }) {}
class Store extends Context.Service<Store, string>()("test/sweeps/Store") {}

describe("a response on its way out", () => {
  sweeps("server sending and ended", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const app = Pipeline.make("p")
        .sending(Middleware.sending("s", (response) => Effect.as(Effect.andThen(note("sent"), pause), response)))
        .ended(Middleware.ended("e", () => Effect.andThen(pause, note("ended"))))
        .outer(requestId())
        .before(Middleware.before("began", note("began")))
        .handle(
          Effect.as(
            pause,
            HttpServerResponse.stream(
              Stream.mapEffect(Stream.make(new Uint8Array(2), new Uint8Array(2)), (part) => Effect.as(pause, part))
            )
          )
        )
      return { app, count }
    }),
    call: ({ app }) => handle(app),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        yield* handle(app)
        assert.isAtLeast(count("ended"), count("began"))
        assert.isAtMost(count("ended"), 2)
        assert.isAtMost(count("sent"), 2)
      })
  })

  sweeps("server metrics", {
    make: Effect.sync(() => {
      const registry = new Map()
      const app = Pipeline.make("p")
        .outer(metrics())
        .handle(Effect.as(pause, HttpServerResponse.stream(Stream.make(new Uint8Array(2)))))
      return { app: Effect.provideService(app, Metric.MetricRegistry, registry), registry }
    }),
    call: ({ app }) => handle(app),
    after: ({ app, registry }) =>
      Effect.gen(function* () {
        yield* handle(app)
        const all = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
        const active = all.flatMap((metric) => (metric.type === "Gauge" ? [Number(metric.state.value)] : []))
        assert.deepStrictEqual(active, [0])
      })
  })

  sweeps("server a class with the services of its Layer", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const live = Auth.layer(
        authentication(Name, {
          from: { header: "x-key" },
          verify: () => Effect.andThen(pause, Store),
          anonymous: "guest"
        })
      ).pipe(Layer.provide(Layer.succeed(Store, "the Layer's")))
      const app = Pipeline.make("p")
        .before(Auth)
        .handle(
          Effect.gen(function* () {
            const store = yield* Effect.serviceOption(Store)
            yield* note(`${yield* Name} ${store._tag}`)
            return HttpServerResponse.empty()
          })
        )
        .respond()
      return { app: Effect.provide(app, live), count }
    }),
    call: ({ app }) => handle(app, { "x-key": "k" }),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        yield* handle(app, { "x-key": "k" })
        assert.isAtLeast(count("the Layer's None"), 1)
      })
  })
})

describe("a peeked body", () => {
  sweeps("server a peek", {
    make: Effect.sync(() => {
      const body = { pulled: 0, ended: false }
      const parts = ["he", "l", "lo"].map((text) => new TextEncoder().encode(text))
      const stream = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            const part = parts[body.pulled++]
            if (part !== undefined) return controller.enqueue(part)
            body.ended = true
            controller.close()
          },
          cancel: () => void (body.ended = true)
        },
        { highWaterMark: 0 }
      )
      const init = { method: "POST", body: stream, duplex: "half" }
      return { body, request: HttpServerRequest.fromWeb(new Request("http://test/", init)) }
    }),
    call: ({ request }) =>
      Effect.scoped(Effect.flatMap(RequestView.peek(request, 3), ([, view]) => Effect.orDie(view.text))),
    // Whoever began to read the connection has read it to its end, or has let it know that nobody will.
    after: ({ body }) => Effect.sync(() => body.pulled === 0 || body.ended)
  })
})

describe("ready-made middleware", () => {
  sweeps("server timeouts", {
    make: Effect.sync(() => {
      const { count, hold, note } = ledger()
      const body = Stream.mapEffect(Stream.make(new Uint8Array(2), new Uint8Array(2)), (part) => Effect.as(pause, part))
      const app = Pipeline.make("p")
        .ended(Middleware.ended("ended", () => note("ended")))
        .outer(timeouts({ handler: "10 seconds", idle: "10 seconds", total: "10 seconds" }))
        .before(bodyLimit())
        .handle(Effect.as(Effect.andThen(hold("handler"), pause), HttpServerResponse.stream(body)))
        .respond()
      return { app, count }
    }),
    call: ({ app }) => handle(app),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        yield* handle(app)
        assert.strictEqual(count("+handler"), count("-handler"))
        assert.isAtLeast(count("ended"), 1)
      })
  })

  sweeps("server rateLimit", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const limited = Pipeline.make("p")
        .before(rateLimit({ limit: 1000, window: "1 minute" }))
        .handle(Effect.as(Effect.andThen(note("handled"), pause), HttpServerResponse.empty()))
        .respond()
      const store = Layer.fresh(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
      return { app: Effect.provide(limited, store), count }
    }),
    call: ({ app }) => handle(app),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        const before = count("handled")
        yield* handle(app)
        assert.strictEqual(count("handled"), before + 1)
      })
  })

  sweeps("server concurrencyLimit", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const body = Stream.mapEffect(Stream.make(new Uint8Array(2), new Uint8Array(2)), (part) => Effect.as(pause, part))
      const app = Pipeline.make("p")
        .outer(concurrencyLimit({ maxRequests: 1, maxPending: 2, timeout: "10 seconds" }))
        .handle(Effect.as(Effect.andThen(note("handled"), pause), HttpServerResponse.stream(body)))
      return { app, count }
    }),
    // Two at once: one of them waits.
    call: ({ app }) =>
      Effect.gen(function* () {
        const second = yield* Effect.forkChild(handle(app))
        yield* handle(app)
        yield* Fiber.join(second)
      }),
    // Every slot and every place in the queue is free.
    after: ({ app, count }) =>
      Effect.gen(function* () {
        const before = count("handled")
        yield* Effect.all([handle(app), handle(app), handle(app)], { concurrency: "unbounded" })
        assert.strictEqual(count("handled"), before + 3)
      })
  })

  sweeps("server loadShed", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const load = { heapRatio: 1 }
      const current = Effect.andThen(
        pause,
        Effect.sync(() => ({ ...load, eventLoopDelay: Duration.zero }))
      )
      const app = Pipeline.make("p")
        .outer(loadShed())
        .handle(Effect.as(note("handled"), HttpServerResponse.empty()))
      return { app: Effect.provideService(app, ServerLoad, { current }), count, load }
    }),
    call: ({ app }) => handle(app),
    after: ({ app, count, load }) =>
      Effect.gen(function* () {
        yield* handle(app)
        assert.strictEqual(count("handled"), 0)
        load.heapRatio = 0
        yield* handle(app)
        assert.strictEqual(count("handled"), 1)
      })
  })

  sweeps("server session", {
    make: Effect.sync(() => {
      const records = new Map<string, object>()
      const slowly = <A>(run: () => A) => Effect.andThen(pause, Effect.sync(run))
      const store = sessionsIn(records, slowly)
      const app = Pipeline.make("p")
        .before(session(Count, { schema: Schema.Number, initial: 0 }))
        .handle(
          Effect.gen(function* () {
            yield* (yield* Count).update((count) => count + 1)
            yield* pause
            return HttpServerResponse.empty()
          })
        )
        .respond()
      records.set(digest, { created: 0, seen: 0, data: 0 })
      return { app: Effect.provide(app, store), records }
    }),
    call: ({ app }) => handle(app, { cookie: `__Host-session=${id}` }),
    // The lock of the session is free: the next request can save.
    after: ({ app, records }) =>
      Effect.gen(function* () {
        const countOf = () => (records.get(digest) as { readonly data: number }).data
        const before = countOf()
        yield* handle(app, { cookie: `__Host-session=${id}` })
        assert.strictEqual(countOf(), before + 1)
      })
  })

  sweeps("server idempotencyKey", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const app = Pipeline.make("p")
        .handle(
          Effect.as(Effect.andThen(note("handled"), pause), HttpServerResponse.text("done")),
          idempotencyKey({ user: () => "ann", methods: ["GET"] })
        )
        .respond()
        .sending(Middleware.sending("status", (response) => Effect.as(note(String(response.status)), response)))
      return {
        app,
        count,
        store: Effect.runSync(Effect.scoped(Layer.build(Layer.fresh(IdempotencyStore.layerMemory))))
      }
    }),
    call: ({ app, store }) => handle(Effect.provide(app, store), { "idempotency-key": "k" }),
    // The key is free, or has a response: it is never locked by a request that has gone.
    after: ({ app, count, store }) =>
      Effect.gen(function* () {
        yield* handle(Effect.provide(app, store), { "idempotency-key": "k" })
        assert.strictEqual(count("409"), 0)
        assert.isAtLeast(count("200"), 1)
      })
  })

  sweeps("server keys of another server", {
    make: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const client = HttpClient.make((request) =>
        Effect.as(pause, HttpClientResponse.fromWeb(request, Response.json({ keys: [{ kty: "EC", kid: "one" }] })))
      )
      const source = yield* Jwt.remoteKeys({ url: "https://id.test/keys" }).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provideService(Scope.Scope, scope)
      )
      return { source, scope }
    }),
    call: ({ source }) => Effect.ignore(source.find({ alg: "ES256", kid: "one" })),
    // The fetch goes on without the request that began it: the next one has the keys, with no pause between.
    after: ({ scope, source }) =>
      Effect.gen(function* () {
        assert.lengthOf(yield* Effect.orDie(source.find({ alg: "ES256", kid: "one" })), 1)
        yield* Scope.close(scope, Exit.void)
      })
  })
})
