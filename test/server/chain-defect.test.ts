// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Exit } from "effect"
import { HttpServerRespondable } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { endOf, makeJournal, Name, Place, Red, requestOf, response, run } from "./Journal.ts"
import type { Blue } from "./Journal.ts"
import { logsOf } from "./Logs.ts"

const defect = new Error("broken")

/** The ways to die: thrown before there is an Effect, an Exit, an Effect that leaves the fiber first. */
const deaths = {
  thrown: (): Effect.Effect<never> => {
    throw defect
  },
  "an Exit": (): Effect.Effect<never> => Exit.die(defect),
  suspended: (): Effect.Effect<never> => Effect.andThen(Effect.yieldNow, Effect.die(defect))
}

const places = (lines: ReadonlyArray<{ readonly annotations: Readonly<Record<string, unknown>> }>) =>
  lines.map(
    ({ annotations }) => `${String(annotations["fairlead.composite"])}/${String(annotations["fairlead.interceptor"])}`
  )

describe.each(Object.entries(deaths))("a defect that is %s", (_, die) => {
  it.effect("server 1.19: no catch of any kind sees it", () =>
    Effect.gen(function* () {
      const { after, answers, before, gives, take } = makeJournal("plain")
      const app = Pipeline.make("p")
        .before(before<Red>("B1"))
        .before(Middleware.before("B2", die))
        .before(before("B3"), { Red: () => gives("B3.catch", undefined) })
        .before(before<Red>("B4"))
        .recover("Red", () => gives("R", undefined))
        .handle((): Effect.Effect<Response, Red | Blue> => Effect.fail(new Red({ by: "H" })))
        .catchTag("Red", answers("C1"))
        .catchTags({ Blue: answers("C2") })
        .after(after("A1"))
        .catch(answers("C3"))
        .respond()
      assert.strictEqual(endOf(yield* run(app)), defect)
      assert.deepStrictEqual(take(), ["B1"])
    })
  )

  it.effect("server 1.19: a linked catchDefect turns it into a response, and the flow goes on", () =>
    Effect.gen(function* () {
      const { after, take } = makeJournal("plain")
      const app = Pipeline.make("p")
        .handle(die)
        .after(after("A1"))
        .catchDefect((caught) => response(`D ${caught === defect}`))
        .after(after("A2"))
      const [exit] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "D true A2")
      assert.deepStrictEqual(take(), ["A2"])
    })
  )

  it.effect("server 1.19: catchDefect logs it once, at Error, with its cause, the pipeline and the stage", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("rooms")
        .before(Middleware.before("find-room", die))
        .handle(response("H"))
        .catchDefect(() => response("D", 500))
        .catchDefect(() => response("D2", 500))
      const [exit, lines] = yield* logsOf(run(app, requestOf("/rooms/1?key=s3cret", { method: "DELETE" })))
      assert.strictEqual(endOf(exit), "D")
      assert.strictEqual(lines.length, 1)
      const [line] = lines
      assert.strictEqual(line?.level, "Error")
      assert.strictEqual(line?.message, 'Stage "find-room" of pipeline "rooms" died on DELETE /rooms/1')
      assert.deepStrictEqual(line?.annotations, {
        "http.request.method": "DELETE",
        "url.path": "/rooms/1",
        "fairlead.part": "server",
        "fairlead.composite": "rooms",
        "fairlead.interceptor": "find-room"
      })
      assert.isTrue(line?.cause.reasons.some((reason) => Cause.isDieReason(reason) && reason.defect === defect))
    })
  )

  it.effect("server 1.19: it is named by the innermost stage: of nested pipelines, arounds, handlers and outers", () =>
    Effect.gen(function* () {
      const bare = Pipeline.make("outer")
      const inner = Pipeline.make("inner")
      const around = <E, R>(app: Effect.Effect<Response, E, R>) => app
      const dying = Middleware.around("dying", (): Effect.Effect<Response> => Effect.suspend(die))
      const showRoom = (): Effect.Effect<Response> => die()
      const outer = Middleware.outer("deadline", (app) => Effect.flatMap(app, die))
      const passes = Middleware.outer("passes", (app) => app)
      const all = {
        "inner/b": bare.handle(inner.before(Middleware.before("b", die)).handle(response("h"))),
        "inner/a": bare.handle(inner.handle(response("h")).after(Middleware.after("a", die)), around),
        "inner/showRoom": bare.outer(passes).handle(inner.handle(showRoom)),
        "outer/showRoom": bare.outer(passes).handle(showRoom, around),
        "outer/dying": bare.outer(passes).handle(showRoom, dying, around),
        "outer/deadline": bare.outer(passes).outer(outer).handle(response("H")),
        "inner/deadline": bare.handle(inner.outer(outer).handle(response("h"))),
        "outer/A": bare.handle(inner.handle(response("h"))).after(Middleware.after("A", die)),
        "outer/handler": bare.handle(Effect.suspend(die)),
        "outer/group/member": bare
          .before(Middleware.every("group", Middleware.before("member", die)))
          .handle(response("H")),
        "outer/pair": bare.link(Middleware.pair("pair", () => 1, die)).handle(response("H"))
      }
      for (const [expected, app] of Object.entries(all)) {
        const whole = Pipeline.make("whole")
          .handle(app)
          .catchDefect(() => response("D"))
        const [exit, lines] = yield* logsOf(run(whole))
        assert.strictEqual(endOf(exit), "D")
        assert.deepStrictEqual(places(lines), [expected])
      }
    })
  )

  it.effect("server 1.19: an inner catchDefect keeps it from the outer one: it is logged once", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner")
        .handle(die)
        .catchDefect(() => response("d"))
      const app = Pipeline.make("outer")
        .handle(inner)
        .catchDefect(() => response("D"))
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "d")
      assert.strictEqual(lines.length, 1)
    })
  )

  it.effect("server 1.19: one in a catch or in catchDefect itself replaces what was caught", () =>
    Effect.gen(function* () {
      const caught = Pipeline.make("p")
        .handle(() => Exit.fail(new Red({ by: "H" })))
        .catchTag("Red", die)
      assert.strictEqual(endOf(yield* run(caught)), defect)
      const [exit, lines] = yield* logsOf(
        run(
          Pipeline.make("p")
            .handle(() => Exit.die("first"))
            .catchDefect(die)
        )
      )
      assert.strictEqual(endOf(exit), defect)
      assert.deepStrictEqual(places(lines), ["p/handler"])
    })
  )
})

describe("exits that catchDefect leaves alone", () => {
  it.effect("server 1.19: it takes neither typed failures nor interruption, and logs neither", () =>
    Effect.gen(function* () {
      const red = new Red({ by: "H" })
      const failed = Pipeline.make("p")
        .handle(() => Exit.fail(red))
        .catchDefect(() => response("D"))
      const interrupted = Pipeline.make("p")
        .handle(() => Effect.interrupt)
        .catchDefect(() => response("D"))
      const [exits, lines] = yield* logsOf(Effect.all([run(failed), run(interrupted)]))
      assert.strictEqual(endOf(exits[0]), red)
      assert.strictEqual(endOf(exits[1]), "interrupted")
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("server 1.19: respond() does not take a defect, even one that could respond", () =>
    Effect.gen(function* () {
      class Answering extends Data.TaggedError("Answering")<{}> {
        [HttpServerRespondable.symbol](): Effect.Effect<Response> {
          return Effect.succeed(response("says"))
        }
      }
      const died = new Answering()
      const app = Pipeline.make("p")
        .handle(() => Exit.die(died))
        .respond()
      assert.strictEqual(endOf(yield* run(app)), died)
    })
  )

  it.effect("server 1.19: catchDefect may fail with a typed error, which a later catch takes", () =>
    Effect.gen(function* () {
      const { answers } = makeJournal("plain")
      const app = Pipeline.make("p")
        .handle(() => Exit.die(defect))
        .catchDefect(() => Effect.fail(new Red({ by: "D" })))
        .catchTag("Red", answers("C"))
      const [exit] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "C")
    })
  )
})

describe("misuse that the types refuse", () => {
  it.effect("server 1.20: a catch for a tag that nothing can raise does not compile, and would never run", () =>
    Effect.gen(function* () {
      const { answers, before, handler, take } = makeJournal("plain")
      const open = Pipeline.make("p").before(before("B1"))
      let recovering = open
      // @ts-expect-error nothing fails with Red
      recovering = open.recover("Red", () => Effect.void)
      assert.strictEqual(endOf(yield* run(recovering.handle(handler()))), "H")
      const closed = open.handle(handler())
      let catching = closed
      // @ts-expect-error nothing fails with Red
      catching = closed.catchTag("Red", answers("C"))
      assert.strictEqual(endOf(yield* run(catching)), "H")
      let cases = closed
      // @ts-expect-error nothing fails with Red
      cases = closed.catchTags({ Red: answers("C") })
      assert.strictEqual(endOf(yield* run(cases)), "H")
      assert.deepStrictEqual(take(), ["B1", "H", "B1", "H", "B1", "H"])
    })
  )

  it.effect("server 1.20: serving with an error left open does not compile, and would answer a bare 500", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").handle(() => Exit.fail(new Red({ by: "a secret" })))
      // @ts-expect-error Red is left open
      const handler = Pipeline.toWebHandler(app)
      const answer = yield* Effect.promise(() => handler(new Request("http://localhost/")))
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "")
    })
  )

  it.effect(
    "server 1.20: using a service that a recovered failure may have skipped shows as a need, and would die",
    () =>
      Effect.gen(function* () {
        const { before } = makeJournal("plain")
        const app = Pipeline.make("p")
          .before(before("B1", new Red({ by: "B1" })))
          .before(Middleware.before("B2", Name, () => "Ada"))
          .before(Middleware.before("B3", Place, () => "here"))
          .handle(Effect.map(Name, (name) => response(name)))
          .catchTag("Red", () => response("C"))
          .after(Middleware.after("A1", () => Effect.map(Name, (name) => response(name))))
        // @ts-expect-error Name is needed: the failure of B1 skipped it
        const missing: Effect.Effect<Exit.Exit<Response>> = run(app)
        const exit = yield* missing
        assert.match(String(endOf(exit)), /Service not found: test\/Name/)
        assert.strictEqual(endOf(yield* Effect.provideService(run(app), Name, "Grace")), "Grace")
      })
  )
})
