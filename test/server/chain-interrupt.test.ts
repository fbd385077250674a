import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { endOf, makeJournal, manners, Name, Red, response, run, trailOf } from "./Journal.ts"
import type { Blue, Journal } from "./Journal.ts"
import { logsOf } from "./Logs.ts"

const red = new Red({ by: "H" })

const ended = <E>(exit: Exit.Exit<Response, E>): string =>
  Exit.isSuccess(exit)
    ? trailOf(exit.value)
    : exit.cause.reasons
        .map((reason) =>
          Cause.isFailReason(reason) ? String(reason.error) : Cause.isDieReason(reason) ? "died" : "interrupted"
        )
        .join()

const note =
  ({ entries }: Journal, name: string) =>
  <E>(exit: Exit.Exit<Response, E>) =>
    Effect.sync(() => void entries.push(`${name} ${ended(exit)}`))

/** Acquires something for the request, whose release is written down. */
const acquire = ({ entries }: Journal, name: string) =>
  Middleware.before(
    name,
    Effect.acquireRelease(
      Effect.sync(() => void entries.push(`${name} acquired`)),
      () => Effect.sync(() => entries.push(`${name} released`))
    )
  )

/** Runs an app until it waits, and interrupts it there. */
const interruptAt = <E>(make: (wait: Effect.Effect<never>) => Effect.Effect<Response, E>) =>
  Effect.gen(function* () {
    const reached = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(make(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)))
    yield* Deferred.await(reached)
    yield* Fiber.interrupt(fiber)
    return yield* Fiber.await(fiber)
  })

describe("interruption", () => {
  const stages = ["before", "recover", "handler", "around", "after", "catch"] as const

  it.effect.each(stages)(
    "server 1.19: no catch runs, ensure and scope finalizers do, once: in a stage of kind %s",
    (at) =>
      Effect.gen(function* () {
        const journal = makeJournal("plain")
        const { after, answers, entries, gives } = journal
        const exit = yield* interruptAt((wait) => {
          const stop = (kind: (typeof stages)[number]): Effect.Effect<void> => (kind === at ? wait : Effect.void)
          const app = Pipeline.make("p")
            .before(acquire(journal, "S"))
            .before(
              Middleware.before("B1", () =>
                Effect.andThen(stop("before"), at === "recover" ? Effect.fail(red) : Effect.void)
              )
            )
            .recover("Red", () => stop("recover"))
            .handle(
              () => Effect.andThen(stop("handler"), at === "catch" ? Effect.fail(red) : Effect.succeed(response("H"))),
              (app) => Effect.tap(app, () => stop("around"))
            )
            .catchTag("Red", () => Effect.as(stop("catch"), response("C")))
            .after(Middleware.after("A1", (response) => Effect.as(stop("after"), response)))
            .onExit("E", note(journal, "E"))
            .after(after<Red | Blue>("A2"))
            .catchTag("Red", answers("C2"))
            .catch(answers("C3"))
            .catchDefect(() => gives("D", response("D")))
          return Effect.flatten(run(app))
        })
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.deepStrictEqual(entries, ["S acquired", "E interrupted", "S released"])
      })
  )

  it.effect("server 1.19: a stage that interrupts itself is passed by every catch alike", () =>
    Effect.gen(function* () {
      const journal = makeJournal("plain")
      const { after, answers, entries } = journal
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", () => Effect.interrupt))
        .handle((): Effect.Effect<Response, Red> => Effect.fail(red))
        .catchTag("Red", answers("C1"))
        .catch(answers("C2"))
        .respond()
        .catchDefect(() => response("D"))
        .after(after("A1"))
        .onExit("E", note(journal, "E"))
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "interrupted")
      assert.deepStrictEqual(entries, ["E interrupted"])
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("server 1.19: an interruption of an inner pipeline runs the ensures of both, innermost first", () =>
    Effect.gen(function* () {
      const journal = makeJournal("plain")
      yield* interruptAt((wait) => {
        const inner = Pipeline.make("inner")
          .handle(() => wait)
          .onExit("e", note(journal, "e"))
        return Effect.orDie(Effect.flatten(run(Pipeline.make("outer").handle(inner).onExit("E", note(journal, "E")))))
      })
      assert.deepStrictEqual(journal.entries, ["e interrupted", "E interrupted"])
    })
  )

  it.effect("server 1.19: an ensure that has begun is finished, though the request is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const { entries } = makeJournal("plain")
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const app = Pipeline.make("p")
        .handle(response("H"))
        .onExit("E", () =>
          Effect.gen(function* () {
            yield* Deferred.succeed(begun, undefined)
            yield* Deferred.await(gate)
            entries.push("E done")
          })
        )
        .after(
          Middleware.after("A1", (response) => {
            entries.push("A1")
            return Effect.as(Effect.yieldNow, response)
          })
        )
      const fiber = yield* Effect.forkChild(run(app))
      yield* Deferred.await(begun)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(entries, ["E done"])
    })
  )
})

describe.each(manners)("ensure, of stages that return their results %s", (manner) => {
  it.effect("server 1.19: an ensure stage runs once on success, on failure and on a defect, with the exit so far", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { handler, take } = journal
      const open = Pipeline.make("p")
      assert.strictEqual(endOf(yield* run(open.handle(handler()).onExit("E", note(journal, "E")))), "H")
      assert.deepStrictEqual(take(), ["H", "E H"])
      assert.strictEqual(endOf(yield* run(open.handle(handler("H", red)).onExit("E", note(journal, "E")))), red)
      assert.deepStrictEqual(take(), ["H", `E ${String(red)}`])
      const dies = open.before(Middleware.before("B1", () => Exit.die("defect"))).handle(handler())
      assert.strictEqual(endOf(yield* run(dies.onExit("E", note(journal, "E")))), "defect")
      assert.deepStrictEqual(take(), ["E died"])
    })
  )

  it.effect("server 1.19: it sees the exit of the stages before it, and the stages after it run as ever", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { after, answers, before, handler, take } = journal
      const app = Pipeline.make("p")
        .before(before("B1"))
        .handle(handler("H", red))
        .onExit("E1", note(journal, "E1"))
        .catchTag("Red", answers("C"))
        .after(after("A1"))
        .onExit("E2", note(journal, "E2"))
        .after(after("A2"))
        .onExit("E3", note(journal, "E3"))
        .after(after("A3"))
      for (let request = 0; request < 2; request++) {
        assert.strictEqual(endOf(yield* run(app)), "C A1 A2 A3")
        assert.deepStrictEqual(take(), [
          "B1",
          "H",
          `E1 ${String(red)}`,
          "C(Red)",
          "A1",
          "E2 C A1",
          "A2",
          "E3 C A1 A2",
          "A3"
        ])
      }
    })
  )

  it.effect("server 1.19: it changes neither the response nor the error, and may use what outers provide", () =>
    Effect.gen(function* () {
      const { entries, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .outer(Middleware.outer("O", Name, (app) => Effect.provideService(app, Name, "Ada")))
        .handle(handler())
        .onExit("E", () =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.map(Name, (name) => void entries.push(name))
          )
        )
      assert.strictEqual(endOf(yield* run(app)), "H")
      assert.deepStrictEqual(take(), ["H", "Ada"])
    })
  )

  it.effect("server 1.19: one that dies is a defect with its own name, and earlier ensures ran before it", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { handler, take } = journal
      const app = Pipeline.make("p")
        .handle(handler())
        .onExit("E1", note(journal, "E1"))
        .onExit("E2", () => Effect.die("defect"))
        .catchDefect((defect) => response(`D ${String(defect)}`))
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "D defect")
      assert.deepStrictEqual(take(), ["H", "E1 H"])
      assert.deepStrictEqual(
        lines.map((line) => line.annotations["fairlead.interceptor"]),
        ["E2"]
      )
    })
  )

  it.effect("server 1.19: a before's resources are released once, however the request ends", () =>
    Effect.gen(function* () {
      const journal = makeJournal(manner)
      const { handler, take } = journal
      const open = Pipeline.make("p").before(acquire(journal, "S"))
      for (const app of [
        open.handle(handler()),
        open.handle(handler("H", red)),
        open.handle(handler("H", red)).catchTag("Red", () => response("C"))
      ]) {
        yield* run(app)
        assert.deepStrictEqual(take(), ["S acquired", "H", "S released"])
      }
      yield* run(open.handle(() => Exit.die("defect")))
      assert.deepStrictEqual(take(), ["S acquired", "S released"])
    })
  )
})
