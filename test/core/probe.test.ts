import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Schema } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Probe } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { shown } from "../kit/ProbeLines.ts"

class Red extends Schema.TaggedError<Red>()("Red", {}) {}
class Green extends Schema.TaggedError<Green>()("Green", {}) {}

const ok = HttpServerResponse.empty()

const request = HttpServerRequest.fromWeb(new Request("http://localhost/"))

/** An app on one request, in a scope of its own. */
const given = <E, R>(app: Effect.Effect<Response, E, R>) =>
  Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request))

/** Runs an app under a probe. */
const observe = <E, R>(app: Effect.Effect<Response, E, R>) =>
  Effect.gen(function* () {
    const events: Array<Probe.Event> = []
    const exit = yield* app.pipe(
      given,
      Effect.provideService(Probe.Probe, { report: (event) => void events.push(event) }),
      Effect.exit
    )
    return { events, exit }
  })

const eventsOf = <E, R>(app: Effect.Effect<Response, E, R>) =>
  Effect.map(observe(app), ({ events }) => events.map(shown))

const bare = Pipeline.make("p")
const before = (name: string) => Middleware.before(name, () => {})
const showRoom = () => ok

/** The ways in which a stage fails: as an Exit, and as an Effect that leaves the fiber first. */
const ways = {
  "an Exit": <E>(error: E): Effect.Effect<never, E> => Exit.fail(error),
  suspended: <E>(error: E): Effect.Effect<never, E> => Effect.andThen(Effect.yieldNow, Effect.fail(error))
}

describe("the probe", () => {
  it.effect("a success: each interceptor reports its start and its end, in order, inside of the flow's", () =>
    Effect.gen(function* () {
      const app = bare
        .before(before("B1"))
        .before(Middleware.before("B2", Effect.yieldNow))
        .handle(showRoom)
        .after(Middleware.after("A1", (response) => Effect.as(Effect.yieldNow, response)))
        .after(Middleware.after("A2", (response) => response))
        .onExit("E", () => Effect.void)
      assert.deepStrictEqual(yield* eventsOf(app), [
        "p: flow p start",
        "p: before B1 start",
        "p: before B1 success",
        "p: before B2 start",
        "p: before B2 success",
        "p: handle showRoom start",
        "p: handle showRoom success",
        "p: after A1 start",
        "p: after A1 success",
        "p: after A2 start",
        "p: after A2 success",
        "p: onExit E start",
        "p: onExit E success",
        "p: flow p success"
      ])
    })
  )

  it.effect.each(Object.entries(ways))(
    "a failure is reported with its tag, and skipped stages are not reported: %s",
    ([, fail]) =>
      Effect.gen(function* () {
        const app = bare
          .before(Middleware.before("B1", () => fail(new Red())))
          .before(before("B2"))
          .handle(showRoom)
          .catchTags({})
          .after(Middleware.after("A1", (response) => response))
        assert.deepStrictEqual(yield* eventsOf(app), [
          "p: flow p start",
          "p: before B1 start",
          "p: before B1 failure Red",
          "p: flow p failure Red"
        ])
      })
  )

  it.effect.each(Object.entries(ways))("a recovery is reported as such, one that fails as a failure: %s", ([, fail]) =>
    Effect.gen(function* () {
      const app = bare
        .before(Middleware.before("B1", () => fail(new Red())))
        .recover("Red", () => Effect.void)
        .handle(() => fail(new Red()))
        .catchTag("Red", () => fail(new Green()))
        .catch(() => ok)
      assert.deepStrictEqual(yield* eventsOf(app), [
        "p: flow p start",
        "p: before B1 start",
        "p: before B1 failure Red",
        "p: recover recover(Red) start",
        "p: recover recover(Red) recovered",
        "p: handle handler start",
        "p: handle handler failure Red",
        "p: catch catchTag(Red) start",
        "p: catch catchTag(Red) failure Green",
        "p: catch catch start",
        "p: catch catch recovered",
        "p: flow p success"
      ])
    })
  )

  it.effect("a defect is reported as one, thrown or not, and its recovery too", () =>
    Effect.gen(function* () {
      const boom = (): Effect.Effect<Response> => {
        throw new Error("boom")
      }
      const expected = (recovered: string) => [
        "p: flow p start",
        "p: handle boom start",
        "p: handle boom defect",
        ...(recovered === ""
          ? ["p: flow p defect"]
          : [`${recovered} start`, `${recovered} recovered`, "p: flow p success"])
      ]
      assert.deepStrictEqual(yield* eventsOf(bare.handle(boom)), expected(""))
      const caught = bare.handle(boom).catchDefect(() => ok)
      assert.deepStrictEqual(yield* eventsOf(caught), expected("p: defect catchDefect"))
      const suspended = bare.handle(Effect.andThen(Effect.yieldNow, Effect.die("boom")))
      assert.deepStrictEqual((yield* eventsOf(suspended)).slice(2), ["p: handle handler defect", "p: flow p defect"])
    })
  )

  it.effect("a recovering function that throws is reported from its start too", () =>
    Effect.gen(function* () {
      const boom = (): Effect.Effect<Response> => {
        throw new Error("boom")
      }
      const app = bare.handle(() => Exit.fail(new Red())).catchTag("Red", boom)
      assert.deepStrictEqual((yield* eventsOf(app)).slice(3), [
        "p: catch catchTag(Red) start",
        "p: catch catchTag(Red) defect",
        "p: flow p defect"
      ])
    })
  )

  it.effect("an interruption is reported for the stage that it cut, and for the flow", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const events: Array<string> = []
      const app = bare
        .before(before("B1"))
        .handle(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
        .onExit("E", () => Effect.void)
      const fiber = yield* app.pipe(
        given,
        Effect.provideService(Probe.Probe, { report: (event) => void events.push(shown(event)) }),
        Effect.forkChild
      )
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(events.slice(3), [
        "p: handle handler start",
        "p: handle handler interrupt",
        "p: onExit E start",
        "p: onExit E success",
        "p: flow p interrupt"
      ])
    })
  )

  it.effect("the handler is reported once, inside of its arounds, and all within the flow", () =>
    Effect.gen(function* () {
      const timing = Middleware.around("timing", (app: Effect.Effect<Response>) => app)
      const app = bare
        .outer(Middleware.outer("O1", (app) => app))
        .outer(Middleware.outer("O2", (app) => app))
        .handle(Effect.succeed(ok), timing)
      const events = yield* eventsOf(app)
      assert.deepStrictEqual(events, [
        "p: flow p start",
        "p: outer O1 start",
        "p: outer O2 start",
        "p: around timing start",
        "p: handle handler start",
        "p: handle handler success",
        "p: around timing success",
        "p: outer O2 success",
        "p: outer O1 success",
        "p: flow p success"
      ])
    })
  )

  it.effect("each run of a pipeline is a flow, and an inner one has the outer one as its parent", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner")
        .outer(Middleware.outer("o", (app) => app))
        .before(before("b"))
        .handle(ok)
      const app = bare
        .outer(Middleware.outer("O", (app) => app))
        .handle(inner, (app) => Effect.retry(app, { times: 1 }))
        .after(Middleware.after("A", (response) => Effect.as(Effect.yieldNow, response)))
      const runs = yield* Effect.all([observe(app), observe(app), observe(app)], { concurrency: 3 })
      const flows = new Map<number, { readonly composite: string; readonly parent: number | undefined }>()
      for (const { composite, flow, parent } of runs.flatMap(({ events }) => events))
        flows.set(flow, { composite, parent })
      const parents = [...flows.values()].map(({ composite, parent }) => [
        composite,
        parent === undefined ? undefined : flows.get(parent)?.composite
      ])
      assert.sameDeepMembers(
        parents,
        [0, 1, 2].flatMap(() => [
          ["p", undefined],
          ["inner", "p"]
        ])
      )
      const sequence = runs.map(({ events }) => events.map(shown))
      assert.deepStrictEqual(sequence[1], sequence[0])
      assert.deepStrictEqual(sequence[2], sequence[0])
    })
  )

  it.effect("durations are by the Clock: of each interceptor, and of the flow their sum", () =>
    Effect.gen(function* () {
      const app = bare
        .before(Middleware.before("B1", Effect.sleep("2 seconds")))
        .handle(Effect.as(Effect.sleep("3 seconds"), ok))
      const fiber = yield* Effect.forkChild(observe(app))
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("3 seconds")
      const { events } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        events.map(({ durationNanos, interceptor }) => `${interceptor} ${durationNanos / 1_000_000n}`),
        ["p 0", "B1 0", "B1 2000", "handler 0", "handler 3000", "p 5000"]
      )
      assert.isTrue(events.every(({ part }) => part === "server"))
    })
  )

  it.effect("a success, a response and an error are the same with the probe on and off", () =>
    Effect.gen(function* () {
      const red = new Red()
      const apps: ReadonlyArray<Effect.Effect<Response, Red, HttpServerRequest.HttpServerRequest | Scope.Scope>> = [
        bare.before(before("B")).handle(Effect.as(Effect.yieldNow, ok)),
        bare.handle(() => Exit.fail(red)),
        bare.handle(() => Exit.fail(red)).catchTag("Red", () => ok)
      ]
      for (const app of apps) {
        const off = yield* Effect.exit(given(app))
        const { exit: on } = yield* observe(app)
        assert.deepStrictEqual(on, off)
      }
    })
  )

  it.effect("off, it is undefined, and no flow is counted", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Probe.Probe)
      const app = bare.outer(Middleware.outer("O", (app) => app)).handle(ok, (app) => app)
      const flowOf = Effect.map(observe(app), ({ events }) => events[0]!.flow)
      const first = yield* flowOf
      for (let request = 0; request < 3; request++) {
        yield* given(app)
      }
      assert.strictEqual(yield* flowOf, first + 1)
    })
  )

  it.effect("a consumer that throws is unplugged and logged once, and harms neither the flow nor other consumers", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const heard: Array<string> = []
      let calls = 0
      const logger = Logger.make(({ message }) => logged.push(message))
      const broken = Probe.layer(
        Effect.succeed({
          report: () => {
            calls++
            throw new Error("full")
          }
        })
      )
      const well = Probe.layer(Effect.succeed({ report: ({ phase, type }) => heard.push(`${phase} ${type}`) }))
      const app = given(bare.before(before("B")).handle(ok))
      const layer = Layer.provideMerge(well, Layer.provideMerge(broken, Logger.layer([logger])))
      const exits = yield* Effect.provide(Effect.all([Effect.exit(app), Effect.exit(app)]), layer)
      yield* Effect.yieldNow
      assert.deepStrictEqual(exits, [Exit.succeed(ok), Exit.succeed(ok)])
      assert.deepStrictEqual([calls, logged.length, heard.length], [1, 1, 12])
      assert.include(String(logged[0]), "unplugged")
    })
  )

  it.effect("Probe.layer adds a consumer to those that listen already", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const listen = (name: string) =>
        Probe.layer(Effect.succeed({ report: ({ outcome, type }) => void heard.push(`${name} ${outcome ?? type}`) }))
      const app = bare.handle(ok).pipe(given)
      yield* Effect.provide(app, Layer.provideMerge(listen("second"), listen("first")))
      assert.deepStrictEqual(heard.slice(0, 2), ["first start", "second start"])
      assert.strictEqual(heard.length, 8)
    })
  )
})
