import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Middleware, Pipeline } from "fairlead/server"

import { Blue, endOf, Green, makeJournal, manners, Red, response, run } from "./Journal.ts"

const red = new Red({ by: "B1" })
const green = new Green({ by: "B2" })
const blue = new Blue({ by: "late" })

describe.each(manners)("a chain of stages that return their results %s", (manner) => {
  it.effect("server 1.1: nothing fails: each stage's normal method runs exactly once, in link order", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1"))
        .before(before("B2"))
        .before(before("B3"))
        .handle(handler())
        .after(after("A1"))
        .after(after("A2"))
      for (let request = 0; request < 3; request++) {
        assert.strictEqual(endOf(yield* run(app)), "H A1 A2")
        assert.deepStrictEqual(take(), ["B1", "B2", "B3", "H", "A1", "A2"])
      }
    })
  )

  it.effect("server 1.1: nothing fails: no recovery of any kind runs", () =>
    Effect.gen(function* () {
      const { after, answers, before, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before<Red | Green>("B1"))
        .before(before("B2"), { Red: () => Effect.die("B2 recovers") })
        .recover("Green", () => Effect.die("recover"))
        .handle(handler<Red | Green | Blue>("H"))
        .catchTag("Red", answers("C1"))
        .after(after("A1"))
        .catchTags({ Green: answers("C2") })
        .catch(answers("C3"))
        .catchDefect(() => response("D"))
      assert.strictEqual(endOf(yield* run(app)), "H A1")
      assert.deepStrictEqual(take(), ["B1", "B2", "H", "A1"])
    })
  )

  it.effect("server 1.2: B1 fails and nobody recovers: nothing else runs and the error is the result", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p").before(before("B1", red)).before(before("B2")).handle(handler()).after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), red)
      assert.deepStrictEqual(take(), ["B1"])
    })
  )

  it.effect("server 1.2: B1 fails: later befores and all afters see only catch, the last error is the result", () =>
    Effect.gen(function* () {
      const { after, answers, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"), { Red: () => gives("B2.catch", undefined, green) })
        .before(before("B3"))
        .handle(handler())
        .after(after("A1"))
        .catchTag("Green", answers("C2", blue))
        .after(after("A3"))
      assert.strictEqual(endOf(yield* run(app)), blue)
      assert.deepStrictEqual(take(), ["B1", "B2.catch", "C2(Green)"])
    })
  )

  it.effect("server 1.3: B3 fails: no catch before it is called", () =>
    Effect.gen(function* () {
      const { before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before<Green>("B0"))
        .before(before("B1"), { Green: () => gives("B1.catch", undefined) })
        .before(before<Green>("B2"))
        .recover("Green", () => gives("recover", undefined))
        .before(before("B3", green))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), green)
      assert.deepStrictEqual(take(), ["B0", "B1", "B2", "B3"])
    })
  )

  it.effect("server 1.3: a before's own catch is not called for its own failure", () =>
    Effect.gen(function* () {
      const { answers, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before<Green>("B0"))
        .before(before("B1", green), { Green: () => gives("B1.catch", undefined) })
        .handle(handler())
        .catchTag("Green", answers("C"))
      assert.strictEqual(endOf(yield* run(app)), "C")
      assert.deepStrictEqual(take(), ["B0", "B1", "C(Green)"])
    })
  )

  it.effect("server 1.3: a catch that fails is not called for its own failure, nor is another case of it", () =>
    Effect.gen(function* () {
      const { answers, handler, take } = makeJournal(manner)
      const again = new Red({ by: "C1" })
      const app = Pipeline.make("p")
        .handle(handler<Red | Green>("H", red))
        .catchTags({ Red: answers("C1", green), Green: answers("C1'") })
        .catchTag("Green", answers("C2", again))
        .catchTag("Red", answers("C3", again))
      assert.strictEqual(endOf(yield* run(app)), again)
      assert.deepStrictEqual(take(), ["H", "C1(Red)", "C2(Green)", "C3(Red)"])
    })
  )

  it.effect("server 1.3: an after that fails never goes back to an earlier catch", () =>
    Effect.gen(function* () {
      const { after, answers, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler<Red>("H"))
        .catchTag("Red", answers("C1"))
        .after(after("A2", red))
        .after(after("A3"))
      assert.strictEqual(endOf(yield* run(app)), red)
      assert.deepStrictEqual(take(), ["H", "A2"])
    })
  )

  it.effect("server 1.4: B1 fails and B3's catch succeeds: the flow resumes at B4", () =>
    Effect.gen(function* () {
      const { after, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"))
        .before(before("B3"), { Red: (error) => gives(`B3.catch by ${error.by}`, undefined) })
        .before(before("B4"))
        .handle(handler())
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "H A1")
      assert.deepStrictEqual(take(), ["B1", "B3.catch by B1", "B4", "H", "A1"])
    })
  )

  it.effect("server 1.4: a catch-only recover resumes at the very next stage", () =>
    Effect.gen(function* () {
      const { before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"))
        .recover("Red", () => gives("R", undefined))
        .before(before("B3"))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["B1", "R", "B3", "H"])
    })
  )

  it.effect("server 1.4: a group's catch is for the whole group: none of its members runs", () =>
    Effect.gen(function* () {
      const { before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(Middleware.every("G", before("G1"), before("G2"), before("G3")), {
          Red: () => gives("G.catch", undefined)
        })
        .before(before("B2"))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["B1", "G.catch", "B2", "H"])
    })
  )

  it.effect("server 1.4: a member of a group that fails skips the rest of the group", () =>
    Effect.gen(function* () {
      const { before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(Middleware.every("G", before("G1"), before("G2", red), before("G3")))
        .recover("Red", () => gives("R", undefined))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["G1", "G2", "R", "H"])
    })
  )

  it.effect("server 1.4: a recover for several tags takes each of them", () =>
    Effect.gen(function* () {
      for (const error of [red, green]) {
        const { before, gives, handler, take } = makeJournal(manner)
        const app = Pipeline.make("p")
          .before(before<Red | Green>("B1", error))
          .recover(["Red", "Green"], (caught) => gives(`R ${caught._tag} ${caught === error}`, undefined))
          .handle(handler())
        assert.strictEqual(endOf(yield* run(app)), "H")
        assert.deepStrictEqual(take(), ["B1", `R ${error._tag} true`, "H"])
      }
    })
  )

  it.effect("server 1.5: the last before's catch succeeds: the flow resumes at H", () =>
    Effect.gen(function* () {
      const { after, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"), { Red: () => gives("B2.catch", undefined) })
        .handle(handler())
        .after(after("A1"))
      assert.strictEqual(endOf(yield* run(app)), "H A1")
      assert.deepStrictEqual(take(), ["B1", "B2.catch", "H", "A1"])
    })
  )

  it.effect("server 1.5: every before-catch fails: the first after-catch sees the newest error", () =>
    Effect.gen(function* () {
      const { answers, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", red))
        .before(before("B2"), { Red: () => gives("B2.catch", undefined, green) })
        .before(before("B3"), { Green: () => gives("B3.catch", undefined, blue) })
        .handle(handler())
        .catchTag("Blue", (error) => answers(`C ${error === blue}`)(error))
      assert.strictEqual(endOf(yield* run(app)), "C true")
      assert.deepStrictEqual(take(), ["B1", "B2.catch", "B3.catch", "C true(Blue)"])
    })
  )

  it.effect("server 1.6: a catch fails with another error: the next stage sees the new one", () =>
    Effect.gen(function* () {
      const { answers, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", red))
        .catchTag("Red", answers("C1", green))
        .catchTag("Green", (error) => answers(`C2 ${error === green}`)(error))
      assert.strictEqual(endOf(yield* run(app)), "C2 true")
      assert.deepStrictEqual(take(), ["H", "C1(Red)", "C2 true(Green)"])
    })
  )

  it.effect("server 1.6: a stage without a catch for it passes the same error on, by identity", () =>
    Effect.gen(function* () {
      const { after, answers, before, gives, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before<Red | Green>("B1", red))
        .before(before("B2"))
        .before(before("B3"), { Green: () => gives("B3.catch", undefined) })
        .before(before<Green>("B4"))
        .recover("Green", () => gives("R", undefined))
        .handle(handler<Green>())
        .after(after("A1"))
        .catchTag("Green", answers("C1"))
        .catchTags({})
        .catchDefect(() => response("D"))
        .after(after("A2"))
      assert.strictEqual(endOf(yield* run(app)), red)
      assert.deepStrictEqual(take(), ["B1"])
    })
  )

  it.effect("server 1.6: `catch` and `catchTag` get the error itself", () =>
    Effect.gen(function* () {
      const { handler } = makeJournal(manner)
      const seen: Array<unknown> = []
      const app = Pipeline.make("p")
        .handle(handler("H", red))
        .catchTag("Red", (error) => {
          seen.push(error)
          return Effect.fail(error)
        })
        .catch((error) => {
          seen.push(error)
          return response("C")
        })
      assert.strictEqual(endOf(yield* run(app)), "C")
      assert.strictEqual(seen.length, 2)
      assert.isTrue(seen.every((error) => error === red))
    })
  )
})

describe("stages of different manners", () => {
  it.effect("server 1.1: stages of all manners keep link order, in every arrangement of them", () =>
    Effect.gen(function* () {
      for (const first of manners) {
        for (const second of manners) {
          for (const third of manners) {
            const entries: Array<string> = []
            const a = makeJournal(first, entries)
            const b = makeJournal(second, entries)
            const c = makeJournal(third, entries)
            const app = Pipeline.make("p")
              .before(a.before("B1"))
              .before(b.before("B2"))
              .handle(c.handler())
              .after(a.after("A1"))
              .after(b.after("A2"))
            assert.strictEqual(endOf(yield* run(app)), "H A1 A2")
            assert.deepStrictEqual(entries, ["B1", "B2", "H", "A1", "A2"], `${first} ${second} ${third}`)
          }
        }
      }
    })
  )

  it.effect("server 1.8: a failure in one manner is recovered in any other", () =>
    Effect.gen(function* () {
      for (const first of manners) {
        for (const second of manners) {
          const entries: Array<string> = []
          const [a, b] = [makeJournal(first, entries), makeJournal(second, entries)]
          const app = Pipeline.make("p")
            .before(a.before("B1", red))
            .recover("Red", () => b.gives("R", undefined))
            .handle(a.handler("H", green))
            .catchTag("Green", b.answers("C"))
            .after(a.after("A", blue))
            .catchTag("Blue", b.answers("C'"))
          assert.strictEqual(endOf(yield* run(app)), "C'")
          assert.deepStrictEqual(entries, ["B1", "R", "H", "C(Green)", "A", "C'(Blue)"], `${first} ${second}`)
        }
      }
    })
  )
})
