/**
 * The interpreter against the oracle, on random pipelines. `FAIRLEAD_SEED=… npx vitest run test/server/property.test.ts` repeats a run,
 * `FAIRLEAD_RUNS` says how many pipelines are tried, and `FAIRLEAD_SHRINK=no` gives the first counterexample instead of the smallest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Probe } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import * as fc from "fast-check"

import { isSupported as isFrameSupported } from "../../src/server/ContinuationFrame.ts"
import { seed } from "../Seed.ts"
import { build, evaluate, linksOf } from "./oracle/Build.ts"
import { pipelines, show, wrapsOf } from "./oracle/Model.ts"
import type { Pipeline as Model } from "./oracle/Model.ts"
import { predict } from "./oracle/Oracle.ts"
import type { Result } from "./oracle/Oracle.ts"
import { onBothWays } from "./Suspending.ts"

const runs = Number(process.env["FAIRLEAD_RUNS"] ?? 10_000)
const endOnFailure = process.env["FAIRLEAD_SHRINK"] === "no"
console.log(`FAIRLEAD_SEED=${seed} repeats these random pipelines`)

/** Tries a property on random models. A counterexample is shown as the pipeline it is, with all that differs. */
const holds = async (models: fc.Arbitrary<Model>, numRuns: number, property: (model: Model) => Promise<void>) => {
  const found = await fc.check(fc.asyncProperty(models, property), { seed, numRuns, endOnFailure })
  if (!found.failed) return assert.strictEqual(found.numRuns, numRuns)
  const [model] = found.counterexample ?? []
  const heading = `the interpreter disagrees with the oracle, FAIRLEAD_SEED=${seed}; the smallest of the pipelines:`
  throw new Error([heading, model === undefined ? "" : show(model), String(found.errorInstance)].join("\n\n"))
}

/** Compares as text, so that the message holds both in full. */
const assertSame = (actual: unknown, expected: unknown): void => {
  const [found, foretold] = [actual, expected].map((value) => JSON.stringify(value, null, 2))
  if (found !== foretold) throw new Error(`the oracle foretells\n${foretold}\nand the interpreter does\n${found}`)
}

/** What random pipelines must often come to, and the methods they must often enter: else a test of them would prove little. */
const mustOccur = [
  "response",
  "failure",
  "defect",
  "interrupted",
  "log",
  "before.before",
  "request.before",
  "pair.before",
  "rescue.recover",
  "handler.handle",
  "pair.after",
  "after.after",
  "catchTag.catch",
  "catchTags.catch",
  "catch.catch",
  "catchReason.catch",
  "catchDefect.defect",
  "ensure.ensure",
  "observe",
  "retry",
  "twice",
  "both",
  "changeRequest",
  "provide",
  "pipeline",
  "answer.answer",
  "ahead.ahead",
  "behind.behind",
  "turn.turn"
]

const occurring = ({ journal, outcome }: Result): ReadonlySet<string> =>
  new Set([
    outcome.replace(/ .*/, ""),
    ...journal.map((line) => line.replace(/^(?:(log)|([A-Za-z]+)\d+(\.\w+)?).*$/, "$1$2$3"))
  ])

onBothWays((isSupported) => {
  it("server2 6.1: has found out whether frames can be used", () => {
    assert.strictEqual(isFrameSupported(), isSupported ?? true)
  })

  it("server 1.4: the interpreter agrees with the left fold on 10,000 random pipelines", async () => {
    const seen = new Map<string, number>()
    await holds(pipelines(), runs, async (model) => {
      const expected = predict(model)
      assertSame(await evaluate(build(model)), expected)
      for (const what of occurring(expected)) seen.set(what, (seen.get(what) ?? 0) + 1)
    })
    const rare = mustOccur.filter((what) => (seen.get(what) ?? 0) < runs / 200)
    assert.deepStrictEqual(rare, [])
  })

  it("server 1.6: the interpreter agrees with the left fold while a probe watches it, and each report of a start has one of its end", () =>
    holds(pipelines(), runs / 5, async (model) => {
      const open: Array<string> = []
      const flows: Array<string> = []
      const report = ({ composite, interceptor, outcome, phase }: Probe.Event) => {
        const what = `${composite} ${interceptor} ${phase}`
        if (outcome === undefined) {
          open.push(what)
          return
        }
        assert.include(open, what)
        open.splice(open.lastIndexOf(what), 1)
        if (phase === "flow" && composite === model.id) flows.push(outcome)
      }
      const expected = predict(model)
      assertSame(await evaluate(build(model), { probe: { report } }), expected)
      assert.deepStrictEqual(open, [])
      const isAlone = [...model.befores, ...model.afters].every((stage) => stage.is !== "outer")
      if (isAlone) assert.deepStrictEqual(flows, [outcomeOf(expected)])
    }))

  it("server 1.15: concurrent evaluations of one pipeline never mix: each does what the left fold says of it alone", () =>
    holds(pipelines(), runs / 10, async (model) => {
      const app = build(model)
      const results = await Promise.all(
        evaluations.map(async (number) => {
          for (let turn = 0; turn < number % 3; turn++) await new Promise(setImmediate)
          return evaluate(app, { run: `~${number}`, offset: number % 2 })
        })
      )
      assertSame(
        results,
        evaluations.map((number) => predict(model, `~${number}`, number % 2))
      )
    }))

  it("server 1.12: an around and an outer are linked once, however often the pipeline runs", () =>
    holds(pipelines(), runs / 20, async (model) => {
      const app = build(model)
      await evaluate(app)
      await evaluate(app)
      assert.deepStrictEqual(
        wrapsOf(model).filter((wrap) => linksOf(wrap) > 1),
        []
      )
    }))

  it("server 1.19: finalizers and ensure stages run once, wherever a pipeline dies or is interrupted", () =>
    holds(pipelines({ fail: 10, die: 12, interrupt: 18 }), runs / 5, async (model) => {
      assertSame(await evaluate(build(model)), predict(model))
    }))

  it("server 1.19: finalizers run to their end, at whatever turn an interruption comes", async () => {
    const turns = fc.nat(3)
    const shape = fc.record({ before: turns, first: turns, second: turns, interruptedAt: fc.nat(14) })
    const property = fc.asyncProperty(shape, async ({ before, first, interruptedAt, second }) => {
      const entries: Array<string> = []
      const ensure = (name: string, count: number) =>
        Effect.gen(function* () {
          entries.push(`${name} begins`)
          yield* waiting(count)
          entries.push(`${name} ends`)
        })
      const app = Pipeline.make("p")
        .before(Middleware.before("before", () => waiting(before)))
        .handle(given)
        .onExit("first", () => ensure("first", first))
        .onExit("second", () => ensure("second", second))
      await Effect.runPromise(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(app), { startImmediately: true })
          yield* waiting(interruptedAt)
          yield* Fiber.interrupt(fiber)
        })
      )
      assertSame(entries, ["first begins", "first ends", "second begins", "second ends"])
    })
    const found = await fc.check(property, { seed, numRuns: Math.min(runs, 500), endOnFailure })
    const shown = JSON.stringify(found.counterexample)
    if (found.failed)
      throw new Error(`the interpreter disagrees with the oracle: ${shown}\n${String(found.errorInstance)}`)
  })
})

/** Waits for some turns of the scheduler. */
const waiting = (turns: number): Effect.Effect<void> =>
  turns === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, waiting(turns - 1))

/** The same outcome in the probe's words. */
const outcomeOf = ({ outcome }: Result): string => {
  const word = outcome.replace(/ .*/, "")
  return word === "response" ? "success" : word === "interrupted" ? "interrupt" : word
}

const evaluations = [0, 1, 2, 3, 4, 5]

const many = 20_000
const given = HttpServerResponse.empty({ status: 204 })
const run = <E>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, HttpServerRequest.HttpServerRequest | Scope.Scope>
) =>
  app.pipe(
    Effect.provideService(
      HttpServerRequest.HttpServerRequest,
      HttpServerRequest.fromWeb(new Request("http://localhost/"))
    ),
    Effect.scoped
  )

type Give = <A>(value: A) => A | Effect.Effect<A>

describe.each<readonly [string, Give]>([
  ["a plain value", (value) => value],
  ["an Exit", (value) => Exit.succeed(value)],
  ["an Effect that completes synchronously", (value) => Effect.sync(() => value)],
  ["an Effect that suspends", (value) => Effect.as(Effect.yieldNow, value)]
])("20,000 stages that return %s", (_, give) => {
  it.effect("server 1.1: run once each, before and after the handler, without an overflow", () =>
    Effect.gen(function* () {
      let calls = 0
      const before = Middleware.before("before", () => give(void calls++))
      const after = Middleware.after("after", (response) => {
        calls++
        return give(response)
      })
      let opened = Pipeline.make("deep")
      for (let count = 0; count < many; count++) opened = opened.before(before)
      let app = opened.handle(given)
      for (let count = 0; count < many; count++) app = app.after(after)
      assert.strictEqual(yield* run(app), given)
      assert.strictEqual(calls, 2 * many)
    })
  )

  it.effect("server 1.8: fail and recover in turn, without an overflow", () =>
    Effect.gen(function* () {
      let recovered = 0
      const failing = Middleware.after("failing", () =>
        Effect.andThen(
          Effect.suspend(() => toEffect(give(0))),
          Effect.fail("no" as const)
        )
      )
      let app = Pipeline.make("deep").handle(given)
      for (let count = 0; count < many; count++) {
        app = app.after(failing).catch(() => {
          recovered++
          return give(given)
        })
      }
      assert.strictEqual(yield* run(app), given)
      assert.strictEqual(recovered, many)
    })
  )
})

const toEffect = <A>(value: A | Effect.Effect<A>): Effect.Effect<A> =>
  Effect.isEffect(value) ? value : Effect.succeed(value)

describe("20,000 stages", () => {
  it.effect("server 1.2: are skipped by a failure, without an overflow", () =>
    Effect.gen(function* () {
      let calls = 0
      const skipped = Middleware.after("skipped", (response) => {
        calls++
        return response
      })
      let app = Pipeline.make("deep").handle(Effect.fail("no" as const))
      for (let count = 0; count < many; count++) app = app.after(skipped)
      assert.strictEqual(yield* Effect.flip(run(app)), "no")
      assert.strictEqual(calls, 0)
    })
  )

  it.effect("server 1.19: that ensure run in order, without an overflow", () =>
    Effect.gen(function* () {
      const ran: Array<number> = []
      let app = Pipeline.make("deep").handle(given)
      for (let count = 0; count < many; count++) {
        app = app.onExit("ensure", () => Effect.sync(() => void ran.push(count)))
      }
      assert.strictEqual(yield* run(app), given)
      assert.deepStrictEqual(
        ran,
        Array.from({ length: many }, (_, count) => count)
      )
    })
  )
})
