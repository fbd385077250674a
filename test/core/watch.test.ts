import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber } from "effect"
import { Probe } from "fairlead"

import { Watch } from "../../src/core/Watch.ts"
import type { SubjectOf } from "../../src/core/Watch.ts"

const observe = <A, E>(run: (fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const events: Array<Probe.Event> = []
    const probe: Probe.Probe = { report: (event) => void events.push(event) }
    const exit = yield* Effect.exit(Effect.provideService(Effect.withFiber(run), Probe.Probe, probe))
    return { events, exit }
  })

const shown = ({ interceptor, outcome, phase, type }: Probe.Event) => `${phase} ${interceptor} ${outcome ?? type}`

describe("a flow", () => {
  it.effect("opens and closes once, with its subject", () =>
    Effect.gen(function* () {
      const subject: SubjectOf = (exit) =>
        exit === undefined ? { path: "/" } : { path: "/", ok: Exit.isSuccess(exit) }
      const { events } = yield* observe((fiber) => {
        const watch = Watch.of(fiber, "client", "api", subject)!
        const inner = Effect.suspend(
          () =>
            watch.around("a", "run", () => Effect.fail({ _tag: "Down" }), undefined, {
              index: 3,
              attempt: 2
            }) as Effect.Effect<never>
        )
        return Effect.tap(watch.run(Effect.ignore(inner)), () => Effect.sync(() => watch.close(Exit.void)))
      })
      assert.deepStrictEqual(events.map(shown), ["flow api start", "run a start", "run a failure", "flow api success"])
      assert.deepStrictEqual(
        events.map(({ attempt, errorType, index, subject }) => [index, attempt, errorType, subject]),
        [
          [-1, undefined, undefined, { path: "/" }],
          [3, 2, undefined, undefined],
          [3, 2, "Down", undefined],
          [-1, undefined, undefined, { path: "/", ok: true }]
        ]
      )
    })
  )

  it.effect("inside of another has that one as its parent, whether it is a flow or an interceptor that begins it", () =>
    Effect.gen(function* () {
      const call = Effect.withFiber((fiber) => Watch.of(fiber, "client", "api")!.run(Effect.void))
      const { events } = yield* observe((fiber) => {
        const watch = Watch.of(fiber, "server", "app")!
        const hook = watch.around("a", "before", () => Effect.andThen(Effect.yieldNow, call)) as Effect.Effect<void>
        return Effect.andThen(hook, watch.run(call))
      })
      const server = events.find(({ part }) => part === "server")!.flow
      const clients = events.filter(({ part }) => part === "client")
      assert.deepStrictEqual(
        clients.map(({ parent }) => parent),
        [server, server, server, server]
      )
      assert.notStrictEqual(clients[0]!.flow, clients[2]!.flow)
      assert.isUndefined(events.find(({ part }) => part === "server")!.parent)
    })
  )

  it.effect("measures by the monotonic clock: setting the wall clock back changes no duration", () =>
    Effect.gen(function* () {
      let [wall, steady] = [10_000_000_000n, 0n]
      const clock: Clock.Clock = Object.assign(Object.create(yield* Clock.Clock), {
        currentTimeNanosUnsafe: () => wall,
        monotonicTimeNanosUnsafe: () => steady
      })
      const tick = Effect.sync(() => {
        steady += 5n
        wall -= 3_600_000_000_000n
      })
      const { events } = yield* Effect.provideService(
        observe((fiber) => Watch.of(fiber, "app", "shop")!.run(tick)),
        Clock.Clock,
        clock
      )
      assert.deepStrictEqual(
        events.map(({ at, durationNanos }) => [at, durationNanos]),
        [
          [10_000_000_000n, 0n],
          [10_000_000_005n, 5n]
        ]
      )
    })
  )

  it.effect("is nothing without a probe, or with one that was unplugged", () =>
    Effect.gen(function* () {
      const fiberOf = (probe: Probe.Probe | undefined) =>
        Effect.provideService(
          Effect.withFiber((fiber) => Effect.succeed(Watch.of(fiber, "app", "shop"))),
          Probe.Probe,
          probe
        )
      assert.isUndefined(yield* fiberOf(undefined))
      const throwing: Probe.Probe = {
        report: () => {
          throw new Error("full")
        }
      }
      const watch = yield* fiberOf(throwing)
      yield* watch!.run(Effect.void)
      assert.isUndefined(yield* fiberOf(throwing))
      assert.isTrue(Context.isReference(Probe.Probe))
    })
  )

  it.effect("ends what an interruption cut short", () =>
    Effect.gen(function* () {
      const { events } = yield* observe((fiber) => {
        const watch = Watch.of(fiber, "endpoint", "peers")!
        const waiting = watch.run(
          Effect.suspend(() => watch.around("a", "afterHandshake", () => Effect.never) as Effect.Effect<void>)
        )
        return Effect.andThen(
          Effect.flatMap(Effect.forkChild(waiting, { startImmediately: true }), Fiber.interrupt),
          Effect.void
        )
      })
      assert.deepStrictEqual(events.map(shown), [
        "flow peers start",
        "afterHandshake a start",
        "afterHandshake a interrupt",
        "flow peers interrupt"
      ])
    })
  )

  it.effect("ends what is left open in it, and nothing twice", () =>
    Effect.gen(function* () {
      const { events } = yield* observe((fiber) => {
        const watch = Watch.of(fiber, "endpoint", "peers")!
        watch.open()
        const first = watch.start("a", "onClose")
        watch.start("b", "onClose")
        watch.close(Exit.void)
        watch.end(first, { outcome: "success", tag: undefined })
        watch.close(Exit.void)
        return Effect.void
      })
      assert.deepStrictEqual(events.map(shown), [
        "flow peers start",
        "onClose a start",
        "onClose b start",
        "onClose b interrupt",
        "onClose a interrupt",
        "flow peers success"
      ])
    })
  )
})
