import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Option, References } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import type { Request, Response } from "../../src/server/HttpTypes.ts"
import { endOf, makeJournal, manners, Name, Place, Red, requestOf, response, run, trailOf } from "./Journal.ts"

const red = new Red({ by: "B1" })

describe.each(manners)("requests and services, of stages that return their results %s", (manner) => {
  it.effect(
    "server 1.16: a before that changes the request: all later stages and the handler see it, earlier ones not",
    () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const { gives } = makeJournal(manner)
        const see = (name: string, request: HttpServerRequest.HttpServerRequest) =>
          Effect.map(HttpServerRequest.HttpServerRequest, (service) => {
            seen.push(`${name} ${service.method} ${service.url} ${service === request}`)
            return response(name)
          })
        const app = Pipeline.make("p")
          .before(Middleware.before("B1", (request) => Effect.asVoid(see("B1", request))))
          .before(
            Middleware.mapRequest("B2", (request) =>
              gives("B2", RequestView.modify(request, { method: "PUT", url: "/new" }))
            )
          )
          .before(Middleware.before("B3", (request) => Effect.asVoid(see("B3", request))))
          .handle((request) => see("H", request))
          .after(Middleware.after("A1", (_, request) => see("A1", request)))
        assert.strictEqual(endOf(yield* run(app, requestOf("/old"))), "A1")
        assert.deepStrictEqual(seen, ["B1 GET /old true", "B3 PUT /new true", "H PUT /new true", "A1 PUT /new true"])
      })
  )

  it.effect(
    "server 1.16: a service provided by a before: later stages, arounds, the handler, catches and afters can use it",
    () =>
      Effect.gen(function* () {
        const { entries, provide } = makeJournal(manner)
        const use = (name: string) =>
          Effect.map(Name, (value) => {
            entries.push(`${name} ${value}`)
            return response(name)
          })
        const app = Pipeline.make("p")
          .before(provide("B1", Name, "Ada"))
          .before(Middleware.before("B2", Effect.asVoid(use("B2"))))
          .handle(Effect.andThen(use("H"), Effect.fail(red)), (app) => Effect.tapError(app, () => use("W")))
          .catchTag("Red", () => use("C"))
          .after(Middleware.after("A1", () => use("A1")))
        assert.strictEqual(endOf(yield* run(app)), "A1")
        assert.deepStrictEqual(entries, ["B1", "B2 Ada", "H Ada", "W Ada", "C Ada", "A1 Ada"])
      })
  )

  it.effect("server 1.16: a service provided again hides the earlier one from later stages only", () =>
    Effect.gen(function* () {
      const { entries, provide } = makeJournal(manner)
      const note = Middleware.before(
        "note",
        Effect.map(Name, (name) => void entries.push(`is ${name}`))
      )
      const app = Pipeline.make("p")
        .before(provide("B1", Name, "one"))
        .before(note)
        .before(provide("B2", Name, "two"))
        .before(note)
        .handle(Effect.map(Name, (name) => response(name)))
      assert.strictEqual(endOf(yield* run(app)), "two")
      assert.deepStrictEqual(entries, ["B1", "is one", "B2", "is two"])
    })
  )

  it.effect("server 1.16: a recovery supplies the services that were skipped, to every later stage", () =>
    Effect.gen(function* () {
      const { before, gives, provide } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(provide("B2", Name, "never"))
        .before(provide("B3", Place, "never"), {
          Red: () => gives("B3.catch", Context.make(Name, "supplied").pipe(Context.add(Place, "here")))
        })
        .handle(Effect.map(Name, (name) => response(name)))
        .after(Middleware.after("A1", () => Effect.map(Place, (place) => response(place))))
        .after(
          Middleware.after("A2", (previous) => Effect.map(Name, (name) => response(`${trailOf(previous)} ${name}`)))
        )
      assert.strictEqual(endOf(yield* run(app)), "here supplied")
    })
  )

  it.effect("server 1.16: a mapRequest that fails changes nothing for the recovering stages", () =>
    Effect.gen(function* () {
      const { gives } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(
          Middleware.mapRequest("B1", (request) => gives("B1", RequestView.modify(request, { url: "/new" }), red))
        )
        .recover("Red", () => Effect.void)
        .handle((request) => response(request.url))
      assert.strictEqual(endOf(yield* run(app, requestOf("/old"))), "/old")
    })
  )
})

describe("the request of an around or a recovery", () => {
  it.effect("server 1.16: an around that changes the request changes it for the wrapped app alone", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(
          (request) => response(request.url),
          (app) =>
            Effect.updateService(app, HttpServerRequest.HttpServerRequest, (request) =>
              RequestView.modify(request, { url: "/inside" })
            )
        )
        .after(Middleware.after("A1", (previous, request) => response(`${trailOf(previous)} ${request.url}`)))
      assert.strictEqual(endOf(yield* run(app, requestOf("/outside"))), "/inside /outside")
    })
  )
})

/** Runs an app on a request and, in the same fiber and scope, what comes after it. */
const around = <A, E, R>(body: Effect.Effect<A, E, R>, request: Request = requestOf("/outside")) =>
  body.pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request), Effect.scoped)

/** What a pipeline could leave behind: its services and its request. */
const left = Effect.gen(function* () {
  const name = yield* Effect.serviceOption(Name)
  const request = yield* HttpServerRequest.HttpServerRequest
  return `${Option.getOrElse(name, () => "no name")} ${request.url}`
})

const inside = Pipeline.make("p")
  .before(Middleware.before("B1", Name, () => "Ada"))
  .before(Middleware.mapRequest("B2", (request) => RequestView.modify(request, { url: "/inside" })))

describe("the context around a pipeline", () => {
  const suspended = Effect.andThen(Effect.yieldNow, left)

  it.effect("server 1.16: it sees none of the pipeline's services, nor its request, after a success", () =>
    around(
      Effect.gen(function* () {
        const answer = yield* inside.handle(Effect.map(suspended, (seen) => response(seen)))
        assert.strictEqual(trailOf(answer), "Ada /inside")
        assert.strictEqual(yield* left, "no name /outside")
      })
    )
  )

  it.effect("server 1.16: nor after a failure or a defect", () =>
    around(
      Effect.gen(function* () {
        const failed = yield* Effect.exit(inside.handle(Effect.andThen(suspended, Effect.fail(red))))
        assert.strictEqual(endOf(failed), red)
        assert.strictEqual(yield* left, "no name /outside")
        const died = yield* Effect.exit(inside.handle(Effect.andThen(suspended, Effect.die("defect"))))
        assert.strictEqual(endOf(died), "defect")
        assert.strictEqual(yield* left, "no name /outside")
      })
    )
  )

  it.effect("server 1.16: nor in its finalizers after an interruption", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<string>()
      const seen = yield* Deferred.make<string>()
      const app = inside.handle(
        Effect.andThen(
          Effect.flatMap(left, (names) => Deferred.succeed(reached, names)),
          Effect.never
        )
      )
      const fiber = yield* Effect.forkChild(
        around(Effect.onExit(app, () => Effect.flatMap(left, (names) => Deferred.succeed(seen, names))))
      )
      assert.strictEqual(yield* Deferred.await(reached), "Ada /inside")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(seen), "no name /outside")
    })
  )

  it.effect("server 1.16: a service that was there before is there again after the pipeline", () =>
    around(
      Effect.gen(function* () {
        const seen: Array<string> = []
        const note = Effect.map(Name, (name) => void seen.push(name))
        const app = inside.before(Middleware.before("B3", Effect.andThen(Effect.yieldNow, note))).handle(response("H"))
        yield* note
        yield* app
        yield* note
        assert.deepStrictEqual(seen, ["Grace", "Ada", "Grace"])
      }).pipe(Effect.provideService(Name, "Grace"))
    )
  )
})

describe("a deliberate change of the fiber by a stage", () => {
  const annotations = Effect.map(References.CurrentLogAnnotations, (entries) => JSON.stringify(entries))

  it.effect("server 1.16: log annotations of a before are there in every later stage, and end with the scope", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = Effect.map(annotations, (entries) => void seen.push(entries))
      const app = inside
        .before(Middleware.before("annotate", Effect.annotateLogsScoped("user", "Ada")))
        .before(Middleware.before("B3", note))
        .handle(Effect.as(note, response("H")))
        .after(Middleware.after("A1", (response) => Effect.as(note, response)))
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(seen, Array<string>(3).fill('{"user":"Ada"}'))
      assert.strictEqual(yield* annotations, "{}")
    })
  )

  it.effect("server 1.16: a before that leaves another request in the fiber does not change that of later stages", () =>
    Effect.gen(function* () {
      const leak = Effect.withFiber((fiber) => {
        fiber.setContext(Context.add(fiber.context, HttpServerRequest.HttpServerRequest, requestOf("/leaked")))
        return Effect.andThen(Effect.yieldNow, Effect.void)
      })
      const app = inside
        .before(Middleware.before("leak", leak))
        .handle((request: Request): Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest> =>
          Effect.map(HttpServerRequest.HttpServerRequest, (service) =>
            HttpServerResponse.text(`${request.url} ${service.url}`, {
              headers: { trail: `${request.url} ${service.url}` }
            })
          )
        )
      assert.strictEqual(endOf(yield* run(app)), "/inside /inside")
    })
  )

  it.effect("server 1.16: a failing before that changed the request changes nothing for the later stages", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.mapRequest("B1", () => Exit.fail(red)))
        .recover("Red", () => Effect.void)
        .handle((request) => response(request.url))
      assert.strictEqual(endOf(yield* run(app, requestOf("/old"))), "/old")
    })
  )
})
