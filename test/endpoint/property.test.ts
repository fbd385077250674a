/** Chains of random hooks against an oracle of a few lines. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"
import * as fc from "fast-check"

import { chainOf, code, echo, peer, reasonOf } from "./Peers.ts"

const behaviour = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ _tag: "accept" } as const) },
  { weight: 2, arbitrary: fc.constant({ _tag: "accept later" } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("sleep" as const), millis: fc.integer({ min: 0, max: 150 }) })
  },
  fc.record({ _tag: fc.constant("reject" as const), code: fc.bigInt({ min: 0n, max: 2n ** 62n - 1n }) }),
  fc.constant({ _tag: "die" } as const),
  fc.constant({ _tag: "throw" } as const),
  fc.constant({ _tag: "hang" } as const)
)

type Behaviour = typeof behaviour extends fc.Arbitrary<infer A> ? A : never

const points = ["beforeConnect", "afterHandshake"] as const

const plan = fc.record({
  timeout: fc.integer({ min: 50, max: 100 }),
  beforeConnect: fc.option(behaviour, { nil: undefined }),
  afterHandshake: fc.option(behaviour, { nil: undefined })
})

type Plan = typeof plan extends fc.Arbitrary<infer A> ? A : never

const act = (behaviour: Behaviour): Effect.Effect<void, EndpointHooks.Reject> | void => {
  switch (behaviour._tag) {
    case "accept":
      return
    case "accept later":
      return Effect.yieldNow
    case "sleep":
      return Effect.sleep(behaviour.millis)
    case "reject":
      return Effect.fail(new EndpointHooks.Reject({ closeCode: behaviour.code, reason: "no" }))
    case "die":
      return Effect.die("dead")
    case "throw":
      throw new Error("thrown")
    case "hang":
      return Effect.never
  }
}

const hooksOf = ({ afterHandshake, beforeConnect, timeout }: Plan, index: number, calls: Array<string>) => {
  const run = (point: string, behaviour: Behaviour) => () => {
    calls.push(`${index} ${point}`)
    return act(behaviour)
  }
  return EndpointHooks.make(`${index}`, {
    timeout,
    ...(beforeConnect && { beforeConnect: run("beforeConnect", beforeConnect) }),
    ...(afterHandshake && { afterHandshake: run("afterHandshake", afterHandshake) })
  })
}

/** What the specification says: who is called, and how it ends. */
const oracle = (plans: ReadonlyArray<Plan>) => {
  const calls: Array<string> = []
  for (const stage of points) {
    for (const [index, plan] of plans.entries()) {
      const behaviour = plan[stage]
      if (behaviour === undefined) continue
      calls.push(`${index} ${stage}`)
      const rejection = (code: bigint, text: string) => ({ calls, end: { stage, hook: `${index}`, code, text } })
      if (behaviour._tag === "reject") return rejection(behaviour.code, "no")
      if (behaviour._tag === "die" || behaviour._tag === "throw") return rejection(500n, "internal error")
      const late = behaviour._tag === "sleep" && behaviour.millis > plan.timeout
      if (behaviour._tag === "hang" || late) return rejection(403n, "the hook took too long")
      // At the very end of its time it may be either: no plan is drawn that way.
    }
  }
  return { calls, end: "connected" as const }
}

const clear = ({ afterHandshake, beforeConnect, timeout }: Plan): boolean =>
  ![afterHandshake, beforeConnect].some((point) => point?._tag === "sleep" && point.millis === timeout)

const holds = (drawn: ReadonlyArray<Plan>, side: "dialer" | "acceptor") =>
  Effect.gen(function* () {
    // An acceptor has no dials: what is decided ahead of them does not run.
    const plans = side === "dialer" ? drawn : drawn.map((plan) => ({ ...plan, beforeConnect: undefined }))
    const calls: Array<string> = []
    const hooked = yield* Endpoint.make({
      alpns: [echo],
      hooks: chainOf(drawn.map((plan, index) => hooksOf(plan, index, calls)))
    })
    const other = yield* peer()
    const { calls: foretold, end } = oracle(plans)
    const dial = side === "dialer" ? hooked.connect(other.addr, echo) : other.connect(hooked.addr, echo)
    const dialling = yield* Effect.forkScoped(dial)
    for (let step = 0; step < 16 * foretold.length + 2; step++) yield* TestClock.adjust(10)
    const exit = yield* Fiber.await(dialling)
    assert.deepStrictEqual(calls, foretold)
    if (end === "connected") assert.strictEqual(exit._tag, "Success")
    else if (side === "dialer") {
      const reason = yield* reasonOf(exit)
      assert.deepInclude(reason, { _tag: "Rejected", ...end, code: code(end.code) } as const)
    } else {
      const closed = yield* (yield* exit).closed
      assert.deepInclude(closed, { _tag: "ApplicationClosed", code: code(end.code), reason: end.text } as const)
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Layer.merge(TestEndpoint.layer(), Logger.layer([])), TestClock.layer()))
  )

it("endpoint 4: hooks are called in order, up to the first that rejects, dies or takes too long, which decides", async () => {
  const plans = fc.array(plan.filter(clear), { maxLength: 6 })
  const sides = fc.constantFrom("dialer" as const, "acceptor" as const)
  await fc.assert(
    fc.asyncProperty(plans, sides, (drawn, side) => Effect.runPromise(holds(drawn, side))),
    { numRuns: 200 }
  )
})
