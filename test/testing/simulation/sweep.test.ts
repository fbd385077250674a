/** The sweep finds planted bugs and finds nothing in correct code. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Sweep } from "fairlead/testing/simulation"

import { sweeps } from "../../kit/Sweeping.ts"
import { yields } from "../../kit/Yields.ts"

const slots = Effect.sync(() => ({ taken: 0, returned: 0 }))
type Slots = Effect.Success<typeof slots>

const take = (slots: Slots) => Effect.sync(() => void slots.taken++)
const giveBack = (slots: Slots) =>
  Effect.sync(() => {
    slots.taken--
    slots.returned++
  })
const isFree = (slots: Slots) => Effect.sync(() => slots.taken === 0)

/** Count and finalizer are two operations. */
const careless = (slots: Slots) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* take(slots)
      yield* Effect.addFinalizer(() => giveBack(slots))
      yield* Effect.void
    })
  )

const careful = (slots: Slots) =>
  Effect.scoped(
    Effect.andThen(
      Effect.acquireRelease(take(slots), () => giveBack(slots)),
      Effect.void
    )
  )

describe.each(yields)("a sweep with %i operations between yields", (maxOpsBeforeYield) => {
  it.effect("simulation 1: finds a slot whose finalizer is registered an operation late", () =>
    Effect.gen(function* () {
      const report = yield* Sweep.interrupt({ make: slots, call: careless, after: isFree, maxOpsBeforeYield })
      assert.isAbove(report.broken.length, 0, Sweep.toText(report))
      assert.isBelow(report.broken.length, report.points)
      for (const { reason, stack } of report.broken) {
        assert.strictEqual(reason, "after: it returned false")
        assert.isNotEmpty(stack)
      }
    })
  )

  it.effect("simulation 1: finds a slot taken in a map and registered in the next continuation", () =>
    Effect.gen(function* () {
      const call = (slots: Slots) =>
        Effect.scoped(
          Effect.flatMap(
            Effect.map(Effect.succeed(slots), (slots) => slots.taken++),
            () => Effect.addFinalizer(() => giveBack(slots))
          )
        )
      const report = yield* Sweep.interrupt({ make: slots, call, after: isFree, maxOpsBeforeYield })
      assert.isAbove(report.broken.length, 0, Sweep.toText(report))
    })
  )

  it.effect("simulation 1: ends after as many broken points as it may find", () =>
    Effect.gen(function* () {
      const all = yield* Sweep.interrupt({ make: slots, call: careless, after: () => Effect.succeed(false) })
      const two = yield* Sweep.interrupt({
        make: slots,
        call: careless,
        after: () => Effect.succeed(false),
        maxBroken: 2,
        maxOpsBeforeYield
      })
      assert.strictEqual(two.broken.length, 2)
      assert.strictEqual(two.points, 2)
      assert.isAbove(all.broken.length, 2)
    })
  )

  it.effect("simulation 1: finds nothing where one step takes and registers", () =>
    Effect.gen(function* () {
      const report = yield* Sweep.interrupt({ make: slots, call: careful, after: isFree, maxOpsBeforeYield })
      assert.deepStrictEqual(report.broken, [], Sweep.toText(report))
      assert.isAbove(report.points, 5)
    })
  )
})

sweeps("a slot that is taken and registered in one step", { make: slots, call: careful, after: isFree })

it.effect("simulation 1: a call that never ends after its interruption is a broken point", () =>
  Effect.gen(function* () {
    const report = yield* Sweep.interrupt({
      make: Effect.void,
      call: () => Effect.onInterrupt(Effect.never, () => Effect.never),
      after: () => Effect.void,
      hangAfter: "50 millis"
    })
    assert.isAbove(report.broken.length, 0)
    assert.match(report.broken[0]!.reason, /the call hangs/)
  })
)

it.effect("simulation 1: a later call that hangs is a broken point", () =>
  Effect.gen(function* () {
    // A flight that only the first caller completes.
    const report = yield* Sweep.interrupt({
      make: Effect.sync((): { flight: Deferred.Deferred<number> | undefined } => ({ flight: undefined })),
      call: (shared) =>
        Effect.suspend(() => {
          if (shared.flight !== undefined) return Deferred.await(shared.flight)
          const flight = (shared.flight = Deferred.makeUnsafe<number>())
          return Effect.flatMap(Effect.yieldNow, () => Effect.as(Deferred.succeed(flight, 1), 1))
        }),
      after: (shared) => (shared.flight === undefined ? Effect.void : Deferred.await(shared.flight)),
      hangAfter: "50 millis"
    })
    assert.isTrue(
      report.broken.some(({ reason }) => /after hangs/.test(reason)),
      Sweep.toText(report)
    )
  })
)

it.effect("simulation 1: ends after three points that hang, or after as many as maxHangs says", () =>
  Effect.gen(function* () {
    const hanging = { make: slots, call: careful, after: () => Effect.never, hangAfter: "20 millis" } as const
    const report = yield* Sweep.interrupt(hanging)
    assert.deepStrictEqual(
      report.broken.map(({ at, reason }) => [at, /after hangs/.test(reason)]),
      [
        [1, true],
        [2, true],
        [3, true]
      ]
    )
    assert.lengthOf((yield* Sweep.interrupt({ ...hanging, maxHangs: 1 })).broken, 1)
    assert.isAbove((yield* Sweep.interrupt({ ...hanging, maxHangs: Infinity })).broken.length, 3)
    // Points that are broken in another way do not count.
    const broken = yield* Sweep.interrupt({ ...hanging, after: () => Effect.succeed(false), maxHangs: 1 })
    assert.isAbove(broken.broken.length, 3)
  })
)

it("simulation 1: a limit of a sweep that is no count is refused", () => {
  const options = { make: slots, call: careful, after: isFree }
  assert.throws(() => Sweep.interrupt({ ...options, maxHangs: 0 }), /maxHangs/)
  assert.throws(() => Sweep.die({ ...options, make: () => slots, maxBroken: NaN }), /maxBroken/)
})

it.live(
  "simulation 1: an interrupted sweep ends and closes its subject, also while an uninterruptible check hangs",
  () =>
    Effect.gen(function* () {
      const checking = yield* Deferred.make<void>()
      let closed = 0
      const sweep = yield* Effect.forkChild(
        Sweep.interrupt({
          make: Effect.addFinalizer(() => Effect.sync(() => closed++)),
          call: () => Effect.void,
          after: () => Effect.uninterruptible(Effect.andThen(Deferred.succeed(checking, undefined), Effect.never)),
          hangAfter: "100 millis"
        })
      )
      yield* Deferred.await(checking)
      yield* Fiber.interrupt(sweep)
      assert.strictEqual(closed, 1)
    }),
  10_000
)

it.effect("simulation 1: a call is interrupted while it waits, too", () =>
  Effect.gen(function* () {
    let interrupted = 0
    const report = yield* Sweep.interrupt({
      make: Deferred.make<void>(),
      call: (gate) => {
        setTimeout(() => Deferred.doneUnsafe(gate, Exit.void), 5)
        return Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => interrupted++))
      },
      after: (gate) => Deferred.await(gate)
    })
    assert.strictEqual(report.waits, 1)
    assert.isAbove(interrupted, 0)
    assert.deepStrictEqual(report.broken, [], Sweep.toText(report))
  })
)

it.effect("simulation 1: a failure without any interruption is reported as such", () =>
  Effect.gen(function* () {
    const report = yield* Sweep.interrupt({
      make: Effect.void,
      call: () => Effect.void,
      after: () => Effect.fail("never")
    })
    assert.strictEqual(report.broken.at(-1)?.kind, "end")
  })
)

const store = {
  get: Effect.succeed(1),
  set: (value: number): Effect.Effect<void, "down"> => (value < 0 ? Effect.fail("down") : Effect.void)
}

/** Busy for as long as it counts; `release` says whether it notices a failure. */
const counting = (failing: Sweep.Failing<"down">) => Effect.sync(() => ({ busy: false, store: failing.service(store) }))
type Counting = Effect.Success<ReturnType<typeof counting>>

const forgetful = (counter: Counting) =>
  Effect.gen(function* () {
    counter.busy = true
    yield* counter.store.set((yield* counter.store.get) + 1)
    counter.busy = false
  })
const attentive = (counter: Counting) =>
  Effect.ensuring(
    forgetful(counter),
    Effect.sync(() => (counter.busy = false))
  )
const isIdle = (counter: Counting) => Effect.sync(() => !counter.busy)

describe("a sweep of a service's calls", () => {
  it.effect("simulation 1: makes each call fail, one at a time", () =>
    Effect.gen(function* () {
      const error = () => "down" as const
      const report = yield* Sweep.fail({ make: counting, error, call: forgetful, after: isIdle })
      assert.deepStrictEqual(
        report.broken.map(({ at, kind }) => [kind, at]),
        [
          ["call", 1],
          ["call", 2]
        ]
      )
      assert.strictEqual(report.calls, 2)
      const held = yield* Sweep.fail({ make: counting, error, call: attentive, after: isIdle })
      assert.deepInclude(held, { points: 2, broken: [] })
    })
  )

  it.effect("simulation 1: makes each call die, one at a time", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const report = yield* Sweep.die({
        make: counting,
        call: attentive,
        after: (counter, exit) => {
          seen.push(Exit.hasDies(exit) ? "died" : exit._tag)
          return isIdle(counter)
        }
      })
      assert.deepInclude(report, { points: 2, broken: [] })
      assert.deepStrictEqual(seen, ["died", "died", "Success"])
    })
  )
})
