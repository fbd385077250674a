import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { HttpServerRespondable } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { endOf, Green, makeJournal, manners, Name, Place, Red, response, run, trailOf } from "./Journal.ts"
import type { Journal } from "./Journal.ts"
import { logsOf } from "./Logs.ts"

const red = new Red({ by: "H" })
const green = new Green({ by: "O" })

class Answering extends Data.TaggedError("Answering")<{}> {
  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(response("says", 409))
  }
}

const summary = <E>(exit: Exit.Exit<Response, E>): string =>
  Exit.isSuccess(exit)
    ? trailOf(exit.value)
    : exit.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? String(reason.error) : "no error")).join()

/** An outer that writes when it is entered, and with what it is left. */
const outer = ({ entries }: Journal, name: string) =>
  Middleware.outer(name, (app) =>
    Effect.suspend(() => {
      entries.push(`${name}{`)
      return Effect.onExit(app, (exit) => Effect.sync(() => entries.push(`${summary(exit)}}${name}`)))
    })
  )

describe.each(manners)("outers, of stages that return their results %s", (manner) => {
  it.effect("server 1.18: two outers nest in declared order, around everything, wherever they are declared", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { after, before, handler, take } = journal
      const early = Pipeline.make("p").outer(outer(journal, "O1")).outer(outer(journal, "O2")).before(before("B1"))
      const late = Pipeline.make("p").before(before("B1"))
      const expected = ["O1{", "O2{", "B1", "H", "A1", "H A1}O2", "H A1}O1"]
      for (const app of [
        early.handle(handler()).after(after("A1")),
        late.outer(outer(journal, "O1")).handle(handler()).after(after("A1")).outer(outer(journal, "O2")),
        late.handle(handler()).outer(outer(journal, "O1")).after(after("A1")).outer(outer(journal, "O2"))
      ]) {
        assert.strictEqual(endOf(yield* run(app)), "H A1")
        assert.deepStrictEqual(take(), expected)
      }
    })
  )

  it.effect("server 1.18: an outer sees recovered responses, error responses and the final failure", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { answers, handler, take } = journal
      const open = Pipeline.make("p").outer(outer(journal, "O"))
      yield* run(open.handle(handler("H", red)).catchTag("Red", answers("C")))
      assert.deepStrictEqual(take(), ["O{", "H", "C(Red)", "C}O"])
      yield* run(open.handle(handler("H", new Answering())).respond())
      assert.deepStrictEqual(take(), ["O{", "H", "says}O"])
      assert.strictEqual(endOf(yield* run(open.handle(handler("H", red)))), red)
      assert.deepStrictEqual(take(), ["O{", "H", `${String(red)}}O`])
    })
  )

  it.effect("server 1.18: an outer that answers early: no stage and no inner outer runs", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { after, before, gives, handler, take } = journal
      const app = Pipeline.make("p")
        .outer(outer(journal, "O1"))
        .outer(Middleware.outer("O2", () => gives("O2", response("early"))))
        .outer(outer(journal, "O3"))
        .before(before("B1"))
        .handle(handler())
        .after(after("A1"))
        .onExit("E", () => Effect.sync(() => journal.entries.push("E")))
      assert.strictEqual(endOf(yield* run(app)), "early")
      assert.deepStrictEqual(take(), ["O1{", "O2", "early}O1"])
    })
  )

  it.effect("server 1.18: an outer's own error passes all stages' catches and is the pipeline's", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { answers, gives, handler, take } = journal
      const app = Pipeline.make("p")
        .outer(Middleware.outer("O", () => gives("O", response("O"), green)))
        .handle(handler<Green>())
        .catchTag("Green", answers("C"))
      assert.strictEqual(endOf(yield* run(app)), green)
      assert.deepStrictEqual(take(), ["O"])
    })
  )

  it.effect("server 1.18: a service that an outer provides is there at every stage, whatever failed before", () =>
    Effect.gen(function* () {
      const { before, gives } = makeJournal(manner)
      const app = Pipeline.make("p")
        .outer(Middleware.outer("O", Name, (app) => Effect.provideService(app, Name, "Ada")))
        .before(Middleware.before("B0", Effect.asVoid(Name)))
        .before(before("B1", red))
        .before(Middleware.before("B2", Place, () => gives("B2", "here")))
        .handle(Effect.map(Name, (name) => response(name)))
        .catchTag("Red", () => Effect.map(Name, (name) => response(name)))
        .after(
          Middleware.after("A1", (previous) => Effect.map(Name, (name) => response(`${trailOf(previous)} ${name}`)))
        )
      assert.strictEqual(endOf(yield* run(app)), "Ada Ada")
    })
  )

  it.effect("server 1.18: an after can ask whether a service that a failure skipped is there", () =>
    Effect.gen(function* () {
      const { before, provide } = makeJournal(manner)
      const ask = Middleware.after("A1", () =>
        Effect.map(Effect.serviceOption(Name), (name) => response(Option.getOrElse(name, () => "nobody")))
      )
      const failsFirst = Pipeline.make("p")
        .before(before("B1", red))
        .before(provide("B2", Name, "Ada"))
      assert.strictEqual(
        endOf(
          yield* run(
            failsFirst
              .handle(response("H"))
              .catchTag("Red", () => response("C"))
              .after(ask)
          )
        ),
        "nobody"
      )
      const failsLast = Pipeline.make("p")
        .before(provide("B1", Name, "Ada"))
        .before(before("B2", red))
      assert.strictEqual(
        endOf(
          yield* run(
            failsLast
              .handle(response("H"))
              .catchTag("Red", () => response("C"))
              .after(ask)
          )
        ),
        "Ada"
      )
    })
  )

  it.effect("server 1.18: a pair's after that follows catchDefect gets its before's value, or none, as an Option", () =>
    Effect.gen(function* () {
      const { before, gives, handler } = makeJournal(manner)
      const seen: Array<Option.Option<string>> = []
      const pair = Middleware.pair(
        "P",
        Name,
        () => gives("P", "Ada"),
        (response, _, stored) => {
          seen.push(stored)
          return response
        }
      )
      const inOrder = Pipeline.make("p").link(pair).handle(handler())
      const skipped = Pipeline.make("p")
        .before(before("B1", red))
        .link(pair)
        .recover("Red", () => Effect.succeed(Name.context("supplied")))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(inOrder)), "H")
      assert.strictEqual(endOf(yield* run(skipped)), "H")
      assert.deepStrictEqual(seen, [Option.some("Ada"), Option.none()])
    })
  )
})

describe("stages that throw", () => {
  const thrown = new Error("thrown")
  const boom = (): never => {
    throw thrown
  }
  const booms: Effect.Effect<Response> = Effect.suspend((): Effect.Effect<Response> => boom())

  it.effect("server 1.18: a stage that throws before it returns an Effect enters the defect flow like any defect", () =>
    Effect.gen(function* () {
      const bare = Pipeline.make("p")
      const failing = bare.handle(Effect.fail(red))
      const apps = {
        before: bare.before(Middleware.before("before", boom)).handle(response("H")),
        mapRequest: bare.before(Middleware.mapRequest("mapRequest", boom)).handle(response("H")),
        handler: bare.handle(boom),
        after: bare.handle(response("H")).after(Middleware.after("after", boom)),
        recover: bare
          .before(Middleware.before("B1", () => Exit.fail(red)))
          .recover("Red", boom)
          .handle(response("H")),
        catchTag: failing.catchTag("Red", boom),
        catchTags: failing.catchTags({ Red: boom }),
        catch: failing.catch(boom),
        pair: bare.link(Middleware.pair("pair", () => 1, boom)).handle(response("H")),
        outer: bare.outer(Middleware.outer("outer", () => booms)).handle(response("H")),
        around: bare.handle(response("H"), () => booms),
        ensure: bare.handle(response("H")).onExit("ensure", boom)
      }
      for (const [kind, app] of Object.entries(apps)) {
        assert.strictEqual(endOf(yield* run(app)), thrown, kind)
      }
    })
  )

  it.effect("server 1.18: no later catch sees it, and a later catchDefect does", () =>
    Effect.gen(function* () {
      const { answers, take } = makeJournal("plain")
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", boom))
        .handle(() => Exit.fail(red))
        .catchTag("Red", answers("C1"))
        .catch(answers("C2"))
        .catchDefect((defect) => response(defect === thrown ? "D" : "other"))
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "D")
      assert.deepStrictEqual(take(), [])
      assert.deepStrictEqual(
        lines.map((line) => line.message),
        ['Stage "B1" of pipeline "p" died on GET /']
      )
    })
  )

  it.effect("server 1.18: a catchDefect whose function throws is a defect again, which a second one catches", () =>
    Effect.gen(function* () {
      const second = new Error("second")
      const app = Pipeline.make("p")
        .handle(boom)
        .catchDefect(() => {
          throw second
        })
        .catchDefect((defect) => response(defect === second ? "second" : "other"))
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "second")
      assert.deepStrictEqual(
        lines.map((line) => line.annotations["fairlead.interceptor"]),
        ["boom", "catchDefect"]
      )
    })
  )
})

describe("after catchDefect and respond()", () => {
  it.effect("server 1.18: after catchDefect only what outers provide is certain; the rest may be missing", () =>
    Effect.gen(function* () {
      const ask = Middleware.after("ask", () =>
        Effect.gen(function* () {
          const inner = yield* Effect.serviceOption(Place)
          return response(`${yield* Name} ${Option.isSome(inner)}`)
        })
      )
      const open = Pipeline.make("p").outer(
        Middleware.outer("O", Name, (app) => Effect.provideService(app, Name, "Ada"))
      )
      const dies = open
        .before(Middleware.before("B1", () => Exit.die("defect")))
        .before(Middleware.before("B2", Place, () => "here"))
        .handle(response("H"))
        .catchDefect(() => response("D"))
        .after(ask)
      const [exit] = yield* logsOf(run(dies))
      assert.strictEqual(endOf(exit), "Ada false")
      const goes = open
        .before(Middleware.before("B2", Place, () => "here"))
        .handle(response("H"))
        .catchDefect(() => response("D"))
        .after(ask)
      assert.strictEqual(endOf(yield* run(goes)), "Ada true")
    })
  )

  it.effect("server 1.18: after respond() only what was provided at every raise point is certain", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", Name, () => "Ada"))
        .before(Middleware.before("B2", () => Exit.fail(new Answering())))
        .before(Middleware.before("B3", Place, () => "here"))
        .handle(response("H"))
        .respond()
        .after(
          Middleware.after("A1", (previous) =>
            Effect.gen(function* () {
              const place = yield* Effect.serviceOption(Place)
              return response(`${trailOf(previous)} ${yield* Name} ${Option.isSome(place)}`)
            })
          )
        )
      const [exit] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "says Ada false")
    })
  )
})

describe("an outer's exit", () => {
  it.effect("server 1.18: an outer sees the interruption of the inner app", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const left = yield* Deferred.make<boolean>()
      const app = Pipeline.make("p")
        .outer(
          Middleware.outer("O", (app) =>
            Effect.onExit(app, (exit) =>
              Deferred.succeed(left, Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
            )
          )
        )
        .handle(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const fiber = yield* Effect.forkChild(run(app))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* Deferred.await(left))
    })
  )

  it.effect("server 1.18: an outer may run the pipeline again: each run is a fresh one", () =>
    Effect.gen(function* () {
      const { before, gives, take } = makeJournal("suspended")
      let left = 1
      const app = Pipeline.make("p")
        .outer(Middleware.outer("retry", (app) => Effect.retry(app, { times: 3 })))
        .before(before("B1"))
        .handle(() => gives("H", response("H"), left-- > 0 ? red : undefined))
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["B1", "H", "B1", "H"])
    })
  )
})
