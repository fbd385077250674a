import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import { Name, Place, response } from "./Journal.ts"
import { keepLogs, shown } from "./Logs.ts"
import { serving } from "./Socket.ts"

const secret = "the password is hunter2"

const echo = Pipeline.make("echo")
  .before(Middleware.before("name", Name, (request) => request.headers["x-name"] ?? "nobody"))
  .handle((request) =>
    Effect.gen(function* () {
      const body = yield* Effect.orDie(request.text)
      return HttpServerResponse.text(`${request.method} ${request.url} ${yield* Name} ${body}`, { status: 202 })
    })
  )
  .after(Middleware.after("mark", HttpServerResponse.setHeader("x-mark", "yes")))

const dying = {
  before: Pipeline.make("rooms")
    .before(Middleware.before("find", () => Exit.die(new Error(secret))))
    .handle(response("H")),
  thrown: Pipeline.make("rooms").handle((): HttpServerResponse.HttpServerResponse => {
    throw new Error(secret)
  }),
  suspended: Pipeline.make("rooms").handle(Effect.andThen(Effect.yieldNow, Effect.die(new Error(secret)))),
  outer: Pipeline.make("rooms")
    .outer(Middleware.outer("deadline", () => Effect.die(new Error(secret))))
    .handle(response("H"))
}
const stages = { before: "find", thrown: "handler", suspended: "handler", outer: "deadline" }

describe("Pipeline.serve", () => {
  it.live("server 3: serve answers on a socket: method, URL, headers and body in, status, headers and body out", () =>
    Effect.gen(function* () {
      const { call } = yield* serving(Pipeline.serve(echo))
      const answer = yield* call("/a/b?c=d", { method: "PUT", body: "sent", headers: { "x-name": "Ada" } })
      assert.strictEqual(answer.status, 202)
      assert.strictEqual(answer.text, "PUT /a/b?c=d Ada sent")
      assert.strictEqual(answer.headers.get("x-mark"), "yes")
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, (_, index) => call(`/${index}`, { headers: { "x-name": `n${index}` } })),
        { concurrency: 10 }
      )
      assert.deepStrictEqual(
        answers.map(({ text }) => text),
        Array.from({ length: 20 }, (_, index) => `GET /${index} n${index} `)
      )
    })
  )

  it.live.each(Object.entries(dying))(
    "server 2: a defect that nobody caught answers 500 without details, logged once with its stage: %s",
    ([kind, app]) => {
      const { layer, lines } = keepLogs()
      return Effect.gen(function* () {
        const { call } = yield* serving(Pipeline.serve(app))
        const answer = yield* call("/rooms?key=s3cret")
        assert.strictEqual(answer.status, 500)
        assert.strictEqual(answer.text, "")
        assert.notInclude([...answer.headers].join(), "hunter2")
        assert.strictEqual(lines.length, 1)
        const [line] = lines
        assert.strictEqual(line?.level, "Error")
        const stage = stages[kind as keyof typeof stages]
        assert.strictEqual(line?.message, `Stage "${stage}" of pipeline "rooms" died on GET /rooms`)
        assert.deepStrictEqual(line?.annotations, {
          "http.request.method": "GET",
          "url.path": "/rooms",
          "fairlead.part": "server",
          "fairlead.composite": "rooms",
          "fairlead.interceptor": stage
        })
        assert.include(line === undefined ? "" : Cause.pretty(line.cause), secret)
        assert.strictEqual((yield* call("/again")).status, 500)
      }).pipe(Effect.provide(layer))
    }
  )

  it.live("server 2: a defect that a stage caught is not logged again by serve", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const { call } = yield* serving(Pipeline.serve(dying.suspended.catchDefect(() => response("D", 503))))
      assert.strictEqual((yield* call("/")).status, 503)
      assert.strictEqual(lines.length, 1)
      assert.notInclude(lines.map((line) => line.message).join(), secret)
      assert.include(lines.map(shown).join(), secret)
    }).pipe(Effect.provide(layer))
  })

  it.live("server 2: a defect of an app other than a pipeline is logged too, without a stage", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const { call } = yield* serving(Pipeline.serve(Effect.die(new Error(secret))))
      assert.strictEqual((yield* call("/x")).status, 500)
      assert.deepStrictEqual(
        lines.map(({ annotations, message }) => [message, annotations]),
        [["A stage died on GET /x", { "http.request.method": "GET", "url.path": "/x" }]]
      )
    }).pipe(Effect.provide(layer))
  })

  it.live("server 3: the app's services come from the layer; a request's scope ends with the request", () =>
    Effect.gen(function* () {
      const entries: Array<string> = []
      const app = Pipeline.make("p")
        .before(
          Middleware.before(
            "acquire",
            Effect.acquireRelease(
              Effect.sync(() => void entries.push("acquired")),
              () => Effect.sync(() => entries.push("released"))
            )
          )
        )
        .handle(Effect.map(Place, (place) => HttpServerResponse.text(place)))
      const { call } = yield* serving(Layer.provide(Pipeline.serve(app), Layer.succeed(Place, "quay")))
      assert.strictEqual((yield* call("/")).text, "quay")
      assert.strictEqual((yield* call("/")).text, "quay")
      assert.deepStrictEqual(entries, ["acquired", "released", "acquired", "released"])
    })
  )
})

const web = (path = "/", init?: RequestInit) => new Request(`http://localhost${path}`, init)

describe("Pipeline.toWebHandler", () => {
  it.live("server 3: a web handler answers a web Request with a web Response", () =>
    Effect.gen(function* () {
      const handler = Pipeline.toWebHandler(echo)
      const answer = yield* Effect.promise(() =>
        handler(web("/a?b=c", { method: "POST", body: "sent", headers: { "x-name": "Ada" } }))
      )
      assert.instanceOf(answer, Response)
      assert.strictEqual(answer.status, 202)
      assert.strictEqual(answer.headers.get("x-mark"), "yes")
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "POST /a?b=c Ada sent")
    })
  )

  it.live("server 3: aborting the request's signal interrupts the app, and its finalizers run once", () =>
    Effect.gen(function* () {
      const entries: Array<string> = []
      const reached = yield* Deferred.make<void>()
      const app = Pipeline.make("p")
        .handle(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
        .onExit("E", (exit) =>
          Effect.sync(() => entries.push(`E ${Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)}`))
        )
      const abort = new AbortController()
      const answering = Pipeline.toWebHandler(app)(web("/", { signal: abort.signal }))
      yield* Deferred.await(reached)
      abort.abort()
      assert.strictEqual((yield* Effect.promise(() => answering)).status, 499)
      assert.deepStrictEqual(entries, ["E true"])
    })
  )

  it.live("server 2: a defect that nobody caught answers 500 without details from a web handler too, logged once", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      const { dispose, handler } = Pipeline.toWebHandlerLayer(dying.suspended, layer)
      const answer = yield* Effect.promise(() => handler(web()))
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "")
      assert.deepStrictEqual(
        lines.map((line) => line.annotations["fairlead.interceptor"]),
        ["handler"]
      )
      yield* Effect.promise(dispose)
    })
  )
})

describe("Pipeline.toWebHandlerLayer", () => {
  it.live("server 3: the layer is built once for all requests, and released by dispose", () =>
    Effect.gen(function* () {
      const entries: Array<string> = []
      const place = Layer.effect(
        Place,
        Effect.acquireRelease(
          Effect.sync(() => {
            entries.push("built")
            return "quay"
          }),
          () => Effect.sync(() => entries.push("released"))
        )
      )
      const app = Pipeline.make("p")
        .before(Middleware.before("B", Name, () => Effect.map(Place, (place) => `at the ${place}`)))
        .handle(Effect.map(Name, (name) => HttpServerResponse.text(name)))
      const { dispose, handler } = Pipeline.toWebHandlerLayer(app, place)
      for (let request = 0; request < 3; request++) {
        const answer = yield* Effect.promise(() => handler(web()))
        assert.strictEqual(yield* Effect.promise(() => answer.text()), "at the quay")
      }
      assert.deepStrictEqual(entries, ["built"])
      yield* Effect.promise(dispose)
      assert.deepStrictEqual(entries, ["built", "released"])
    })
  )

  it.live("server 3: the layer is built when the handler is made, before the first request", () =>
    Effect.gen(function* () {
      const built = yield* Deferred.make<void>()
      const place = Layer.effect(Place, Effect.as(Deferred.succeed(built, undefined), "quay"))
      const app = Pipeline.make("p").handle(Effect.map(Place, (place) => response(place)))
      const { dispose } = Pipeline.toWebHandlerLayer(app, place)
      yield* Deferred.await(built)
      yield* Effect.promise(dispose)
    })
  )

  it.live("server 3: a layer that cannot be built rejects every request with its error", () =>
    Effect.gen(function* () {
      const failure = new Error("no place")
      const { dispose, handler } = Pipeline.toWebHandlerLayer(
        Pipeline.make("p").handle(Effect.map(Place, (place) => HttpServerResponse.text(place))),
        Layer.effect(Place, Effect.fail(failure))
      )
      for (let request = 0; request < 2; request++) {
        const caught = yield* Effect.flip(
          Effect.tryPromise({ try: () => handler(web()), catch: (error) => ({ rejected: error }) })
        )
        assert.strictEqual(caught.rejected, failure)
      }
      yield* Effect.promise(dispose)
    })
  )
})
