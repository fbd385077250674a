import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber } from "effect"
import { HttpServerRespondable } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { endOf, Green, makeJournal, manners, Name, Place, Red, requestOf, response, run, trailOf } from "./Journal.ts"
import type { Journal } from "./Journal.ts"

class Early extends Context.Service<Early, Response>()("test/Early") {}

const red = new Red({ by: "H" })
const green = new Green({ by: "W" })

/** An around that writes when it is entered and left. */
const around =
  ({ entries }: Journal, name: string, linked: () => void = () => {}) =>
  <E, R>(app: Effect.Effect<Response, E, R>) => {
    linked()
    return Effect.suspend(() => {
      entries.push(`${name}{`)
      return Effect.onExit(app, () => Effect.sync(() => entries.push(`}${name}`)))
    })
  }

describe.each(manners)("arounds, of stages that return their results %s", (manner) => {
  it.effect("server 1.12: an around's wrap function runs once, when it is linked", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      let links = 0
      const app = Pipeline.make("p").handle(
        journal.handler(),
        around(journal, "W", () => links++)
      )
      assert.strictEqual(links, 1)
      const longer = app.after(journal.after("A1"))
      for (let request = 0; request < 3; request++) {
        yield* run(app)
        yield* run(longer)
      }
      assert.strictEqual(links, 1)
      assert.strictEqual(journal.entries.filter((entry) => entry === "W{").length, 6)
    })
  )

  it.effect("server 1.12: arounds W1 then W2: W2 is outermost, and both are inside all befores and afters", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(journal.before("B1"))
        .before(journal.before("B2"))
        .handle(
          journal.handler(),
          around(journal, "W1"),
          around(journal, "W2"),
          around(journal, "W3"),
          around(journal, "W4")
        )
        .after(journal.after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "H A1")
      assert.deepStrictEqual(journal.entries, [
        "B1",
        "B2",
        "W4{",
        "W3{",
        "W2{",
        "W1{",
        "H",
        "}W1",
        "}W2",
        "}W3",
        "}W4",
        "A1"
      ])
    })
  )

  it.effect("server 1.12: an unrecovered before failure: no around runs", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(journal.before("B1", red))
        .handle(journal.handler(), around(journal, "W1"))
        .catchTag("Red", journal.answers("C"))
      assert.strictEqual(endOf(yield* run(app)), "C")
      assert.deepStrictEqual(journal.entries, ["B1", "C(Red)"])
    })
  )

  it.effect("server 1.13: an around that answers without calling the handler: all afters still run normally", () =>
    Effect.gen(function* () {
      const { after, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", red), () => gives("W", response("W")))
        .after(after("A1"))
        .after(after("A2"))
      assert.strictEqual(endOf(yield* run(app)), "W A1 A2")
      assert.deepStrictEqual(take(), ["W", "A1", "A2"])
    })
  )

  it.effect("server 1.13: an around that turns the handler's error into a response: afters run normally", () =>
    Effect.gen(function* () {
      const { after, answers, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", red), (app) => Effect.catchTag(app, "Red", answers("W")))
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "W A1")
      assert.deepStrictEqual(take(), ["H", "W(Red)", "A1"])
    })
  )

  it.effect("server 1.13: an around that fails after the handler succeeded: the after phase is in the error flow", () =>
    Effect.gen(function* () {
      const { after, answers, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler(), (app) => Effect.andThen(app, gives("W", response("W"), green)))
        .after(after("A1"))
        .catchTag("Green", (error) => answers(`C ${error === green}`)(error))
        .after(after("A2"))
      assert.strictEqual(endOf(yield* run(app)), "C true A2")
      assert.deepStrictEqual(take(), ["H", "W", "C true(Green)", "A2"])
    })
  )

  it.effect("server 1.13: an around may run the handler again, and each run is a fresh one", () =>
    Effect.gen(function* () {
      const { after, gives, take } = makeJournal(manner)
      let left = 2
      const app = Pipeline.make("p")
        .handle(
          () => gives(`H ${left}`, response("H"), left-- > 0 ? red : undefined),
          (app) => Effect.retry(app, { times: 5 })
        )
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "H A1")
      assert.deepStrictEqual(take(), ["H 2", "H 1", "H 0", "A1"])
    })
  )

  it.effect("server 1.15: a chain as another chain's handler: its final error enters the outer chain's catch", () =>
    Effect.gen(function* () {
      const { after, answers, before, handler, take } = makeJournal(manner)
      const inner = Pipeline.make("inner")
        .before(before("b1"))
        .handle(handler("h", red))
        .catchTag("Red", answers("c", green))
        .after(after("a1"))
      const app = Pipeline.make("outer")
        .before(before("B1"))
        .handle(inner)
        .after(after("A1"))
        .catchTag("Green", (error) => answers(`C ${error === green}`)(error))
        .after(after("A2"))
      assert.strictEqual(endOf(yield* run(app)), "C true A2")
      assert.deepStrictEqual(take(), ["B1", "b1", "h", "c(Red)", "C true(Green)", "A2"])
    })
  )

  it.effect("server 1.15: the outer chain sees an error recovered inside only as success", () =>
    Effect.gen(function* () {
      const { after, answers, handler, take } = makeJournal(manner)
      const inner = Pipeline.make("inner").handle(handler<Red | Green>("h", red)).catchTag("Red", answers("c"))
      const app = Pipeline.make("outer").handle(inner).catchTag("Green", answers("C")).after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "c A1")
      assert.deepStrictEqual(take(), ["h", "c(Red)", "A1"])
    })
  )

  it.effect("server 1.15: one stage linked twice, or in two chains, runs at each place", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal(manner)
      const [b, a] = [before("B"), after("A")]
      const inner = Pipeline.make("inner").before(b).handle(handler()).after(a)
      const app = Pipeline.make("outer").before(b).before(b).handle(inner).after(a).after(a)
      assert.strictEqual(endOf(yield* run(app)), "H A A A")
      assert.deepStrictEqual(take(), ["B", "B", "B", "H", "A", "A", "A"])
      assert.strictEqual(endOf(yield* run(inner)), "H A")
      assert.deepStrictEqual(take(), ["B", "H", "A"])
    })
  )
})

describe("early answers", () => {
  it.effect("server 1.14: a response returned by a before is not sent: the flow goes on to the handler", () =>
    Effect.gen(function* () {
      const { handler, take } = makeJournal("plain")
      const early = response("early")
      const give: () => void = () => early
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", give))
        .before(Middleware.before("B2", Early, () => early))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["H"])
    })
  )

  it.effect("server 1.14: a typed error that responds is a before's way to answer early", () =>
    Effect.gen(function* () {
      class Moved extends Red {
        [HttpServerRespondable.symbol]() {
          return Effect.succeed(response("moved", 301))
        }
      }
      const { after, before, handler, take } = makeJournal("plain")
      const app = Pipeline.make("p")
        .before(before("B1", new Moved({ by: "B1" })))
        .handle(handler())
        .respond()
        .after(after("A1"))
      const exit = yield* run(app)
      assert.strictEqual(endOf(exit), "moved A1")
      assert.isTrue(Exit.isSuccess(exit) && exit.value.status === 301)
      assert.deepStrictEqual(take(), ["B1", "A1"])
    })
  )

  it.effect("server 1.14: an around answers early after the befores, an outer before them", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal("plain")
      const open = Pipeline.make("p").before(before("B1"))
      const byAround = open.handle(handler(), () => Effect.succeed(response("W"))).after(after("A1"))
      assert.strictEqual(endOf(yield* run(byAround)), "W A1")
      assert.deepStrictEqual(take(), ["B1", "A1"])
      const byOuter = open
        .handle(handler())
        .after(after("A1"))
        .outer(Middleware.outer("O", () => Effect.succeed(response("O"))))
      assert.strictEqual(endOf(yield* run(byOuter)), "O")
      assert.deepStrictEqual(take(), [])
    })
  )
})

describe("side by side", () => {
  it.effect("server 1.15: concurrent requests never mix their services, requests, errors or stored values", () =>
    Effect.gen(function* () {
      const pause = (url: string) => Effect.repeat(Effect.yieldNow, { times: Number(url.slice(1)) % 7 })
      const app = Pipeline.make("p")
        .before(Middleware.mapRequest("B1", (request) => RequestView.modify(request, { url: `${request.url}0` })))
        .before(Middleware.before("B2", Name, (request) => Effect.as(pause(request.url), `name${request.url}`)))
        .link(
          Middleware.pair(
            "P",
            (request) => Effect.as(pause(request.url), request.url),
            (previous, _, stored) => response(`${trailOf(previous)} ${stored._tag === "Some" ? stored.value : "none"}`)
          )
        )
        .handle((request) =>
          Effect.gen(function* () {
            yield* pause(request.url)
            const name = yield* Name
            return Number(request.url.slice(1)) % 3 === 0
              ? yield* new Red({ by: `${name} ${request.url}` })
              : response(`${name} ${request.url}`)
          })
        )
        .catchTag("Red", (error) => response(`error ${error.by}`))
        .after(Middleware.after("A", (previous, request) => response(`${trailOf(previous)} ${request.url}`)))
      const urls = Array.from({ length: 60 }, (_, index) => `/${index}`)
      const fibers = yield* Effect.forEach(urls, (url) => Effect.forkChild(run(app, requestOf(url))))
      const ends = yield* Effect.forEach(fibers, (fiber) => Effect.map(Fiber.join(fiber), endOf))
      const expected = urls.map((url) => {
        const changed = `${url}0`
        return Number(changed.slice(1)) % 3 === 0
          ? `error name${changed} ${changed} ${changed} ${changed}`
          : `name${changed} ${changed} ${changed} ${changed}`
      })
      assert.deepStrictEqual(ends, expected)
    })
  )

  it.effect("server 1.15: an inner chain sees the outer chain's services; its own end with it", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner")
        .before(Middleware.before("b", Place, () => Effect.as(Effect.yieldNow, "inner")))
        .handle(
          Effect.gen(function* () {
            return response(`${yield* Name} ${yield* Place}`)
          })
        )
      const app = Pipeline.make("outer")
        .before(Middleware.before("B", Name, () => "Ada"))
        .before(Middleware.before("B'", Place, () => "outer"))
        .handle(inner)
        .after(
          Middleware.after("A", (previous) => Effect.map(Place, (place) => response(`${trailOf(previous)} ${place}`)))
        )
      assert.strictEqual(endOf(yield* run(app)), "Ada inner outer")
    })
  )

  it.effect("server 1.15: an around that races the handler with itself gets one whole answer", () =>
    Effect.gen(function* () {
      let entered = 0
      const inner = Pipeline.make("inner")
        .before(Middleware.before("b", Name, () => Effect.as(Effect.yieldNow, `run ${++entered}`)))
        .handle(Effect.map(Effect.andThen(Effect.yieldNow, Name), (name) => response(name)))
        .after(
          Middleware.after("a", (previous) => Effect.map(Name, (name) => response(`${trailOf(previous)} = ${name}`)))
        )
      const both = <E, R>(app: Effect.Effect<Response, E, R>) =>
        Effect.map(Effect.all([app, app], { concurrency: 2 }), (ends) =>
          response(ends.map((end) => trailOf(end)).join("; "))
        )
      assert.strictEqual(endOf(yield* run(Pipeline.make("p").handle(inner, both))), "run 1 = run 1; run 2 = run 2")
      assert.strictEqual(
        endOf(yield* run(Pipeline.make("p").handle(inner, both).catchTags({}))),
        "run 3 = run 3; run 4 = run 4"
      )
    })
  )
})
