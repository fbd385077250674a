import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { CircuitBreaker } from "effect/persistence"
import * as fc from "fast-check"

import { Circuits } from "../../../src/core/Circuits.ts"
import type { CircuitCall, Result } from "../../../src/core/Circuits.ts"
type Step =
  | { readonly do: "call" }
  | { readonly do: "wait"; readonly millis: number }
  | { readonly do: "settle"; readonly which: number; readonly result: Result; readonly retryAfter: number }
  | { readonly do: "break"; readonly which: number }

const which = fc.nat({ max: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: "call" } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait"), millis: fc.nat({ max: 15 }).map((tenths) => tenths * 100) })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle"),
      which,
      result: fc.constantFrom<Array<Result>>("Failure", "Failure", "Success", "Success", "Ignored"),
      retryAfter: fc.constantFrom(0, 0, 0, 500, 5000)
    })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("break"), which }) }
)

const policy = fc.oneof(
  fc.integer({ min: 1, max: 4 }).map(CircuitBreaker.consecutive),
  fc
    .record({ threshold: fc.constantFrom(0.2, 0.5, 1), size: fc.integer({ min: 3, max: 6 }) })
    .map(({ size, threshold }) => CircuitBreaker.rate({ threshold, size, minimumCalls: size - 2 }))
)

const [openFor, maxOpenFor] = [400, 1000]

/** A call as the model knows it: when it was let through, and what it came to. */
interface Known {
  period: number
  readonly isProbe: boolean
  readonly at: number
  result: Result | undefined
}

/** What the machine must do, said from the log of what was counted. */
class Model {
  state: "Closed" | "Open" | "HalfOpen" = "Closed"
  now = 0
  log: Array<Known> = []
  openings = 0
  lasts = 0
  since = 0
  private readonly period = { number: 0 }
  private readonly trip: CircuitBreaker.TripPolicy
  private readonly probes: Array<Known> = []

  constructor(trip: CircuitBreaker.TripPolicy) {
    this.trip = trip
  }

  private to(state: Model["state"]): void {
    this.state = state
    this.since = this.now
    this.log = []
    this.period.number++
  }

  call(): Known | { readonly state: string; readonly retryAfter: number } {
    const { lasts, now, since, state } = this
    if (state === "Open" && now < since + lasts) return { state, retryAfter: since + lasts - now }
    if (state === "Open") this.to("HalfOpen")
    // The newest probe has the slot, until it ends or has had it for long.
    const probe = this.probes.at(-1)
    const isBusy = probe?.period === this.period.number && probe.result === undefined && now < probe.at + lasts
    if (state === "HalfOpen" && isBusy) return { state, retryAfter: probe.at + lasts - now }
    const call = { period: this.period.number, isProbe: this.state === "HalfOpen", at: now, result: undefined }
    if (call.isProbe) this.probes.push(call)
    return call
  }

  private open(retryAfter: number): string {
    const from = this.state
    if (from === "Closed" && this.now >= this.since + this.lasts) this.openings = 0
    this.openings++
    this.lasts = Math.min(maxOpenFor, Math.max(openFor * 2 ** (this.openings - 1), retryAfter))
    this.to("Open")
    return `${from} Open ${this.lasts} ${this.openings}`
  }

  private get trips(): boolean {
    const failed = (calls: ReadonlyArray<Known>) => calls.filter(({ result }) => result === "Failure").length
    if (this.trip._tag === "Consecutive") return failed(this.log.slice(-this.trip.failures)) === this.trip.failures
    const window = this.log.slice(-this.trip.size)
    return window.length >= this.trip.minimumCalls && failed(window) >= window.length * this.trip.threshold
  }

  settle(call: Known, result: Result, retryAfter: number): string | undefined {
    call.result = result
    if (call.period !== this.period.number || result === "Ignored") return undefined
    if (this.state === "HalfOpen" && result === "Success") {
      this.to("Closed")
      call.period = this.period.number
      this.log.push(call)
      return "HalfOpen Closed"
    }
    this.log.push(call)
    return result === "Failure" && (this.state === "HalfOpen" || this.trips) ? this.open(retryAfter) : undefined
  }

  breakOff(call: Known): string | undefined {
    if (call.result !== "Success" || call.period !== this.period.number) return undefined
    const size = this.trip._tag === "Rate" ? this.trip.size : this.trip.failures
    const isCounted = this.log.slice(-size).includes(call)
    call.result = "Failure"
    if (call.isProbe && this.now < this.since + this.lasts) return this.open(0)
    return isCounted && this.trips ? this.open(0) : undefined
  }
}

const shown = (change: CircuitBreaker.Transition | undefined): string | undefined => {
  if (change?.to !== "Open") return change && `${change.from} ${change.to}`
  return `${change.from} Open ${Duration.toMillis(change.retryAfter)} ${change.consecutiveOpenings}`
}

describe("the circuits", () => {
  it("client breaker: the state machine agrees with a model on random calls, outcomes, broken bodies and waits", () => {
    const seen = new Map<string, number>()
    const see = (what: string | undefined) => {
      const name = what?.replace(/ \d.*/, "") ?? "nothing"
      seen.set(name, (seen.get(name) ?? 0) + 1)
      return what
    }
    fc.assert(
      fc.property(policy, fc.array(step, { minLength: 1, maxLength: 80, size: "max" }), (trip, steps) => {
        const circuits = new Circuits({ trip, openFor, maxOpenFor, maxKeys: 1 })
        const model = new Model(trip)
        const calls: Array<readonly [CircuitCall, Known]> = []
        const last = (which: number, isSettled: boolean) =>
          calls.filter(([, { result }]) => (result !== undefined) === isSettled).at(-1 - which)
        for (const step of steps) {
          if (step.do === "wait") model.now += step.millis
          else if (step.do === "call") {
            const [admitted, known] = [circuits.admit("key", model.now), model.call()]
            if ("state" in admitted || "state" in known) {
              assert.deepStrictEqual<object>(admitted, known)
              see(`refused ${"state" in admitted ? admitted.state : ""}`)
            } else {
              calls.push([admitted.call, known])
              assert.strictEqual(admitted.call.isProbe, known.isProbe)
              if (known.isProbe) see("probe")
            }
          } else {
            const [call, known] = last(step.which, step.do === "break") ?? []
            if (call === undefined || known === undefined) continue
            if (step.do === "break") {
              assert.strictEqual(shown(circuits.breakOff(call, model.now)), see(model.breakOff(known)))
            } else {
              const { result, retryAfter } = step
              const change = circuits.settle(call, result, model.now, retryAfter)
              assert.strictEqual(shown(change), see(model.settle(known, result, retryAfter)))
            }
          }
        }
      }),
      { numRuns: 2000 }
    )
    for (const what of [
      "Closed Open",
      "HalfOpen Open",
      "HalfOpen Closed",
      "refused Open",
      "refused HalfOpen",
      "probe"
    ]) {
      assert.isAbove(seen.get(what) ?? 0, 50, `${what} occurs`)
    }
  })

  it("client breaker: beyond the bound the one that was not used for longest is forgotten, a closed one first", () => {
    const circuits = new Circuits({ trip: CircuitBreaker.consecutive(2), openFor: 1000, maxOpenFor: 1000, maxKeys: 3 })
    const use = (key: string, result: Result) => {
      const admitted = circuits.admit(key, 0)
      return "state" in admitted ? admitted.state : shown(circuits.settle(admitted.call, result, 0))
    }
    const fail = (key: string) => use(key, "Failure")
    const open = (key: string) => [fail(key), fail(key)].at(-1)
    open("a")
    fail("b")
    fail("c")
    // d takes the place of b, which was not used for longer than c; a is open.
    fail("d")
    assert.strictEqual(fail("c"), "Closed Open 1000 1")
    assert.strictEqual(fail("a"), "Open")
    // b takes the place of d, the only one that is closed, and has to begin anew.
    assert.isUndefined(fail("b"))
    assert.strictEqual(fail("b"), "Closed Open 1000 1")
    // All are open: the one that was not used for longest is c.
    assert.isUndefined(fail("e"))
    assert.strictEqual(fail("a"), "Open")
    assert.strictEqual(fail("b"), "Open")
    assert.isUndefined(fail("c"))
  })
})
