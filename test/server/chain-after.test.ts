import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { HttpServerError, HttpServerRequest } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import { Blue, endOf, Green, makeJournal, manners, Name, Red, requestOf, response, run } from "./Journal.ts"

const red = new Red({ by: "H" })
const green = new Green({ by: "A" })
const blue = new Blue({ by: "late" })

describe.each(manners)("the after phase, of stages that return their results %s", (manner) => {
  it.effect("server 1.7: H fails: the flow enters at the first catch", () =>
    Effect.gen(function* () {
      const { after, answers, before, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1"))
        .handle(handler("H", red))
        .catchTag("Red", (error) => answers(`C1 ${error === red}`)(error))
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "C1 true A1")
      assert.deepStrictEqual(take(), ["B1", "H", "C1 true(Red)", "A1"])
    })
  )

  it.effect(
    "server 1.7: the second catch succeeds: the third stage's after receives the recovered response itself",
    () =>
      Effect.gen(function* () {
        const { after, answers, gives, handler, take } = makeJournal(manner)
        const recovered = response("recovered")
        let seen: unknown
        const app = Pipeline.make("p")
          .handle(handler<Red | Green>("H", red))
          .catchTag("Green", answers("C1"))
          .after(after("A1"))
          .catchTag("Red", () => gives("C2", recovered))
          .after(
            Middleware.after("A3", (response) => {
              seen = response
              return response
            })
          )
        const exit = yield* run(app)
        assert.strictEqual(seen, recovered)
        assert.isTrue(Exit.isSuccess(exit) && exit.value === recovered)
        assert.deepStrictEqual(take(), ["H", "C2"])
      })
  )

  it.effect("server 1.7: a catch may return a plain response", () =>
    Effect.gen(function* () {
      const { after, handler } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", red))
        .catchTag("Red", () => response("plain"))
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "plain A1")
    })
  )

  it.effect("server 1.8: an after fails: the response it got is discarded and the next catch runs", () =>
    Effect.gen(function* () {
      const { after, answers, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler())
        .after(after("A1", green))
        .after(after("A2"))
        .catchTag("Green", (error) => answers(`C3 ${error === green}`)(error))
        .after(after("A4"))
      assert.strictEqual(endOf(yield* run(app)), "C3 true A4")
      assert.deepStrictEqual(take(), ["H", "A1", "C3 true(Green)", "A4"])
    })
  )

  it.effect("server 1.8: recovery and failure alternate: one method at most of each stage runs, once", () =>
    Effect.gen(function* () {
      const { after, answers, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"), { Red: () => gives("B2.catch", undefined) })
        .before(before("B3", green))
        .before(before("B4"), { Green: () => gives("B4.catch", undefined) })
        .handle(handler("H", blue))
        .catchTag("Blue", answers("C1"))
        .after(after("A2", red))
        .catchTags({ Red: answers("C3") })
        .after(after("A4", green))
        .after(after("A5"))
        .catch(answers("C6"))
        .after(after("A7"))
      for (let request = 0; request < 2; request++) {
        assert.strictEqual(endOf(yield* run(app)), "C6 A7")
        assert.deepStrictEqual(take(), [
          "B1",
          "B2.catch",
          "B3",
          "B4.catch",
          "H",
          "C1(Blue)",
          "A2",
          "C3(Red)",
          "A4",
          "C6(Green)",
          "A7"
        ])
      }
    })
  )

  it.effect("server 1.9: the last after fails: the chain fails with that error", () =>
    Effect.gen(function* () {
      const { after, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p").handle(handler()).after(after("A1")).after(after("A2", green))
      assert.strictEqual(endOf(yield* run(app)), green)
      assert.deepStrictEqual(take(), ["H", "A1", "A2"])
    })
  )

  it.effect("server 1.10: a stage without a normal method returns the response unchanged", () =>
    Effect.gen(function* () {
      const { answers, gives } = makeJournal(manner)
      const untouched = response("untouched")
      const failing = (): Effect.Effect<typeof untouched, Red | HttpServerError.HttpServerError> =>
        gives("H", untouched)
      const app = Pipeline.make("p")
        .handle(failing)
        .catchTag("Red", answers("C1"))
        .catchTags({})
        .catchReason("HttpServerError", "RouteNotFound", () => response("C3"))
        .respond()
        .catch(() => response("C4"))
        .catchDefect(() => response("D"))
        .onExit("E", () => Effect.void)
      const exit = yield* run(app)
      assert.isTrue(Exit.isSuccess(exit) && exit.value === untouched)
    })
  )

  it.effect(
    "server 1.11: a pair's after sees the value of its before, and pairs close the after phase in link order",
    () =>
      Effect.gen(function* () {
        const { after, before, gives, handler, take } = makeJournal(manner)
        const pair = (name: string) =>
          Middleware.pair(
            name,
            () => gives(name, { of: name }),
            (response, _, stored) => gives(`${name}.after ${Option.getOrThrow(stored).of}`, response)
          )
        const app = Pipeline.make("p")
          .link(pair("P1"))
          .before(before("B"))
          .link(pair("P2"))
          .handle(handler())
          .after(after("A"))
        assert.strictEqual(endOf(yield* run(app)), "H A")
        assert.deepStrictEqual(take(), ["P1", "B", "P2", "H", "A", "P1.after P1", "P2.after P2"])
        const placed = Pipeline.make("p").link(pair("P")).handle(handler()).closePairs().after(after("A"))
        assert.strictEqual(endOf(yield* run(placed)), "H A")
        assert.deepStrictEqual(take(), ["P", "H", "P.after P", "A"])
      })
  )

  it.effect("server 1.11: a pair whose before was skipped, or failed, and was recovered stores nothing", () =>
    Effect.gen(function* () {
      for (const [first, own] of [
        [red, undefined],
        [undefined, red],
        [undefined, undefined]
      ] as const) {
        const { before, gives, handler } = makeJournal(manner)
        let seen: Option.Option<undefined> | "not run" = "not run"
        const app = Pipeline.make("p")
          .before(before<Red>("B1", first))
          .link(
            Middleware.pair(
              "P",
              () => gives<undefined, Red>("P", undefined, own),
              (response, _, stored) => {
                seen = stored
                return response
              }
            )
          )
          .recover("Red", () => Effect.void)
          .handle(handler())
        assert.strictEqual(endOf(yield* run(app)), "H")
        // A before that gave `undefined` did run: its value is there.
        const expected = first === undefined && own === undefined ? Option.some(undefined) : Option.none()
        assert.deepStrictEqual<unknown>(seen, expected)
      }
    })
  )
})

describe("a chain without befores and afters", () => {
  it.effect("server 1.9: it equals its handler, whatever form the handler has", () =>
    Effect.gen(function* () {
      const answer = response("H")
      const bare = Pipeline.make("p")
      const apps = [
        bare.handle(answer),
        bare.handle(Effect.succeed(answer)),
        bare.handle(Effect.as(Effect.yieldNow, answer)),
        bare.handle(() => answer),
        bare.handle(() => Effect.succeed(answer)),
        bare.handle(() => Effect.as(Effect.yieldNow, answer))
      ]
      for (const app of apps) {
        const exit = yield* run(app)
        assert.isTrue(Exit.isSuccess(exit) && exit.value === answer)
      }
    })
  )

  it.effect("server 1.9: it fails, dies and is interrupted as its handler is", () =>
    Effect.gen(function* () {
      const bare = Pipeline.make("p")
      const defect = new Error("defect")
      assert.strictEqual(endOf(yield* run(bare.handle(Effect.fail(red)))), red)
      assert.strictEqual(endOf(yield* run(bare.handle(Effect.die(defect)))), defect)
      const interrupted = yield* run(bare.handle(Effect.interrupt))
      assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
    })
  )

  it.effect("server 1.9: the handler gets the request, as its argument and as the service", () =>
    Effect.gen(function* () {
      const request = requestOf("/here?there=1")
      const app = Pipeline.make("p").handle((given) =>
        Effect.map(HttpServerRequest.HttpServerRequest, (service) =>
          response(`${given === request} ${service === request} ${given.url}`)
        )
      )
      assert.strictEqual(endOf(yield* run(app, request)), "true true /here?there=1")
    })
  )

  it.effect("server 1.9: a pipeline is an immutable value: extending it leaves it as it was", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal("plain")
      const open = Pipeline.make("p").before(before("B1"))
      const closed = open.handle(handler())
      assert.strictEqual(endOf(yield* run(closed)), "H")
      const extended = open.before(before("B2")).handle(handler("H'"))
      const longer = closed.after(after("A1"))
      take()
      assert.strictEqual(endOf(yield* run(extended)), "H'")
      assert.deepStrictEqual(take(), ["B1", "B2", "H'"])
      assert.strictEqual(endOf(yield* run(longer)), "H A1")
      assert.deepStrictEqual(take(), ["B1", "H", "A1"])
      assert.strictEqual(endOf(yield* run(closed)), "H")
      assert.deepStrictEqual(take(), ["B1", "H"])
    })
  )
})

describe("stages without one of the methods", () => {
  it.effect("server 1.10: a before without a normal method succeeds: recover-only stages let the flow through", () =>
    Effect.gen(function* () {
      const { before, handler, take } = makeJournal("suspended")
      const app = Pipeline.make("p")
        .before(before<Red>("B1"))
        .recover("Red", () => Effect.die("not to be called"))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["B1", "H"])
    })
  )

  it.effect("server 1.10: catchReason takes the reasons it names and passes the others on, by identity", () =>
    Effect.gen(function* () {
      const request = requestOf("/nowhere")
      const notFound = new HttpServerError.HttpServerError({ reason: new HttpServerError.RouteNotFound({ request }) })
      const broken = new HttpServerError.HttpServerError({ reason: new HttpServerError.InternalError({ request }) })
      const parse = new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request }) })
      const chain = (error: HttpServerError.HttpServerError) =>
        Pipeline.make("p")
          .handle(() => Effect.fail(error))
          .catchReason("HttpServerError", "RouteNotFound", (reason, error) =>
            response(`${reason === error.reason} ${error === notFound} ${reason._tag}`)
          )
          .catchReason("HttpServerError", ["InternalError", "ResponseError"], (reason) => response(reason._tag))
      assert.strictEqual(endOf(yield* run(chain(notFound))), "true true RouteNotFound")
      assert.strictEqual(endOf(yield* run(chain(broken))), "InternalError")
      assert.strictEqual(endOf(yield* run(chain(parse))), parse)
    })
  )

  it.effect("server 1.10: catchTag for several tags and catchTags take each tag to its own case", () =>
    Effect.gen(function* () {
      const { answers } = makeJournal("plain")
      for (const error of [red, green, blue]) {
        const app = Pipeline.make("p")
          .handle(() => Effect.fail<Red | Green | Blue>(error))
          .catchTag(["Red", "Green"], answers("two"))
          .catchTags({ Blue: answers("cases") })
        assert.strictEqual(endOf(yield* run(app)), error === blue ? "cases" : "two")
      }
    })
  )

  it.effect("server 1.10: a tag with the name of an object's own method is no case", () =>
    Effect.gen(function* () {
      const odd = { _tag: "toString" } as const
      const app = Pipeline.make("p")
        .handle(() => Effect.fail<Red | typeof odd>(odd))
        .catchTags({ Red: () => response("C") })
      assert.strictEqual(endOf(yield* run(app)), odd)
    })
  )
})

describe("pairs", () => {
  it.effect("server 1.11: a pair with a key provides its value to later stages, the handler and its own after", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .link(
          Middleware.pair(
            "P",
            Name,
            (request) => `from ${request.url}`,
            (_, request, stored) =>
              Effect.map(Effect.serviceOption(Name), (name) =>
                response(`${Option.getOrThrow(name)}, ${Option.getOrThrow(stored)}, ${request.url}`)
              )
          )
        )
        .handle(Effect.map(Name, (name) => response(name)))
      assert.strictEqual(endOf(yield* run(app, requestOf("/a"))), "from /a, from /a, /a")
    })
  )

  it.effect("server 1.11: stored values belong to one request: concurrent requests never see another's", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const app = Pipeline.make("p")
        .link(
          Middleware.pair(
            "P",
            (request) => request.url,
            (_, __, stored) => response(Option.getOrThrow(stored))
          )
        )
        .handle(() => Effect.as(Deferred.await(gate), response("H")))
      const urls = Array.from({ length: 20 }, (_, index) => `/${index}`)
      const fibers = yield* Effect.forEach(urls, (url) =>
        Effect.forkChild(run(app, requestOf(url)), { startImmediately: true })
      )
      yield* Deferred.succeed(gate, undefined)
      const ends = yield* Effect.forEach(fibers, (fiber) => Effect.map(Fiber.join(fiber), endOf))
      assert.deepStrictEqual(ends, urls)
    })
  )

  it.effect("server 1.11: a stored service that a recovery supplied in its place is not the pair's value", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", () => Exit.fail(red)))
        .link(
          Middleware.pair(
            "P",
            Name,
            () => "own",
            (_, __, stored) =>
              Effect.map(Effect.serviceOption(Name), (name) =>
                response(`${Option.getOrThrow(name)} ${Option.isNone(stored)}`)
              )
          )
        )
        .recover("Red", () => Effect.succeed(Context.make(Name, "supplied")))
        .handle(response("H"))
      assert.strictEqual(endOf(yield* run(app)), "supplied true")
    })
  )
})
