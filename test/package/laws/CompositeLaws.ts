/** The laws of interceptors and composites: order, builds, services, descriptions and refusals. */
import { assert } from "@effect/vitest"
import { Context, Effect, Inspectable, Layer, References } from "effect"
import { Interceptor, InvalidOption } from "fairlead"
import { Sweep } from "fairlead/testing/simulation"

import { Down, passes, Store, User } from "./Adapter.ts"
import type { AnyLayer, Run } from "./Adapter.ts"
import { faultOf, infosOf, journalOf, serviceOf, watching } from "./Law.ts"
import type { Law } from "./Law.ts"

const reading =
  (seen: Array<string>): Run =>
  () =>
    Effect.gen(function* () {
      const { at } = yield* References.CurrentLogAnnotations
      seen.push(`${yield* Store} ${yield* User} ${String(at)}`)
    })

const byLayer = Layer.mergeAll(Layer.succeed(Store, "layer"), Layer.succeed(User, "nobody"))

const ofCall = Context.make(Store, "call").pipe(Context.add(User, "ann"))

export const order: Law = {
  name: "1: interceptors run in declared order",
  holds: (part) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const noting = (name: string) => part.make(name, () => void seen.push(name))
      const call = yield* part.build(part.composite({ name: "c", interceptors: ["a", "b", "c"].map(noting) }))
      assert.isTrue(yield* passes(call))
      assert.deepStrictEqual(seen, ["a", "b", "c"])
    })
}

export const unattached: Law = {
  name: "2: an interceptor outside of the composite is never called, costs nothing, and is reported nowhere",
  holds: (part) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const noting = (name: string) => part.make(name, () => void seen.push(name))
      const operationsOf = (discarded: ReadonlyArray<unknown>) =>
        Effect.map(
          Sweep.interrupt({
            make: Effect.suspend(() =>
              part.build(part.composite({ name: "c", interceptors: [noting("a")], discarded }))
            ),
            call: (call) => call,
            after: () => Effect.void
          }),
          ({ operations }) => operations
        )
      assert.strictEqual(yield* operationsOf([noting("b"), serviceOf(part)]), yield* operationsOf([]))
      assert.deepStrictEqual([...new Set(seen)], ["a"])

      const composed = part.composite({ name: "c", interceptors: [noting("a")], discarded: [noting("b")] })
      const namesOf = (all: ReadonlyArray<{ readonly name: string }>) => all.map(({ name }) => name)
      assert.notInclude(namesOf(infosOf(composed)), "b")
      const { events } = yield* watching(Effect.scoped(Effect.flatMap(part.build(composed), passes)))
      const reported = events.map(({ interceptor }) => interceptor)
      assert.include(reported, "a")
      assert.notInclude(reported, "b")
    }) as never
}

export const classTagged: Law = {
  name: "3: a class-tagged interceptor does the same as a plain one",
  holds: (part) =>
    Effect.gen(function* () {
      const runs: ReadonlyArray<Run> = [
        () => undefined,
        () => Effect.yieldNow,
        () => Effect.die("broken"),
        () => {
          throw new Error("broken")
        }
      ]
      for (const run of runs) {
        const X = serviceOf(part)
        const plain = yield* Effect.scoped(journalOf(part, part.make("a", run)))
        const tagged = yield* Effect.scoped(journalOf(part, X, X.layer(part.make("a", run))))
        assert.strictEqual(tagged, plain)
      }
    })
}

export const replaced: Law = {
  name: "4: another Layer replaces the implementation, and layerEffect makes one",
  holds: (part) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const X = serviceOf(part)
      const noting = (name: string) => part.make(name, () => void seen.push(name))
      yield* Effect.scoped(journalOf(part, X, X.layer(noting("live"))))
      yield* Effect.scoped(journalOf(part, X, X.layer(noting("test"))))
      yield* Effect.scoped(journalOf(part, X, X.layerEffect(Effect.sync(() => noting("made")))))
      assert.deepStrictEqual(seen, ["live", "test", "made"])
    })
}

export const services: Law = {
  name: "5: the services of the Layer win, and required and ambient ones are the call's",
  holds: (part) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const X = serviceOf(part, { requires: [User] })
      const layer: AnyLayer = Layer.provide(X.layer(part.make("a", reading(seen))), byLayer)
      const annotated = Effect.annotateLogs(journalOf(part, X, layer, ofCall), "at", "call")
      yield* annotated
      assert.deepStrictEqual(seen, ["layer ann call"])
    })
}

export const shadowing: Law = {
  name: "10: nothing in a call shadows a service of the Layer",
  holds: (part) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const X = serviceOf(part)
      const layer: AnyLayer = Layer.provide(X.layer(part.make("a", reading(seen))), byLayer)
      yield* journalOf(part, X, layer, ofCall)
      assert.deepStrictEqual(
        seen.map((line) => line.split(" ").slice(0, 2)),
        [["layer", "nobody"]]
      )
    })
}

const counting = (counts: Array<number>) => (): Run => {
  let count = 0
  return () => void counts.push(++count)
}

export const twoOfAKind: Law = {
  name: "6: two of a kind in one composite do not influence each other",
  holds: (part) =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      const interceptors = ["a", "b"].map((name) => part.stateful(name, counting(counts)))
      const call = yield* part.build(part.composite({ name: "c", interceptors }))
      yield* passes(call)
      yield* passes(call)
      assert.deepStrictEqual(counts, [1, 1, 2, 2])
      if (part.rateLimit === undefined) return
      const limits = [
        part.rateLimit({ limit: 100, window: "1 hour" }),
        part.rateLimit({ limit: 10, window: "1 minute" })
      ]
      const buildLimited = part.buildLimited ?? part.build
      const limited = yield* buildLimited(part.composite({ name: "l", interceptors: limits }), part.rateLimiter!)
      let passed = 0
      for (let calls = 0; calls < 12; calls++) if (yield* passes(limited)) passed++
      assert.strictEqual(passed, 10)
      const twice = [0, 1].map(() => part.rateLimit!({ limit: 10, window: "1 minute" }))
      const fault = faultOf(() => part.composite({ name: "l", interceptors: twice }))
      assert.instanceOf(fault, InvalidOption)
      assert.strictEqual(fault.option, "name")
    })
}

export const twoBuilds: Law = {
  name: "7: two builds of one recipe do not influence each other",
  holds: (part) =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      const composed = part.composite({ name: "c", interceptors: [part.stateful("a", counting(counts))] })
      const [first, second] = [yield* part.build(composed), yield* part.build(composed)]
      for (const call of [first, first, second]) yield* passes(call)
      const X = serviceOf(part)
      const layer = X.layer(part.stateful("a", counting(counts)))
      const tagged = part.composite({ name: "c", interceptors: [X] })
      const [third, fourth] = [yield* part.build(tagged, layer), yield* part.build(tagged, layer)]
      for (const call of [third, third, fourth]) yield* passes(call)
      assert.deepStrictEqual(counts, [1, 2, 1, 1, 2, 1])
    })
}

export const described: Law = {
  name: "11: the description has kind, provides, error, requires, order and appended interceptors",
  holds: (part) =>
    Effect.gen(function* () {
      const X = serviceOf(part, { provides: Store, error: Down, requires: [User] })
      const composed = part.composite({ name: "c", interceptors: [part.make("a", () => undefined), X] })
      const { name: composite, part: where } = Interceptor.describe<Interceptor.Description>(composed)
      assert.deepStrictEqual([where, composite], [part.part, "c"])
      const info = Interceptor.describe<Interceptor.InterceptorInfo>(X)
      const own = infosOf(composed).filter(({ name }) => name === "a" || name === info.name)
      assert.deepStrictEqual(
        own.map(({ kind, name }) => [kind.split(" ")[0], name]),
        [
          [part.kind, "a"],
          [part.kind, info.name]
        ]
      )
      assert.deepInclude(own[1], {
        service: info.name,
        provides: [Store.key],
        error: ["LawsDown"],
        requires: [User.key]
      })
      assert.include(Interceptor.toText(composed), info.name)
      assert.include(Interceptor.toMermaid(composed), "flowchart TD")
      if (part.append === undefined) return
      const both = part.append(composed, part.composite({ name: "d", interceptors: [part.make("z", () => undefined)] }))
      assert.strictEqual(infosOf(both).at(-1)!.name, "z")
    })
}

export const invalid: Law = {
  name: "13: an invalid option throws InvalidOption from the factory, with interceptor and option",
  holds: (part) =>
    Effect.sync(() => {
      for (const [what, make] of part.invalid) {
        const fault = faultOf(make)
        assert.instanceOf(fault, InvalidOption, what)
      }
      for (const make of Object.values(part.readyMade)) {
        const fault = faultOf(() => make({ name: "" }))
        assert.instanceOf(fault, InvalidOption)
        assert.strictEqual(fault.option, "name")
      }
    })
}

export const refused: Law = {
  name: "14: a value that is no interceptor of the part is refused wherever one is taken, with its place",
  holds: (part) =>
    Effect.sync(() => {
      const foreign = { name: "x", "~fairlead/other/Interceptor": true }
      const neither = [{}, undefined, null, 1, "a", foreign]
      for (const value of neither) {
        const fault = faultOf(() => part.composite({ name: "c", interceptors: [value] }))
        assert.instanceOf(fault, InvalidOption)
        assert.deepInclude(fault, { interceptor: "c", option: "use" })
        assert.isFalse(part.isInterceptor(value))
        for (const [option, take] of Object.entries(part.takers)) {
          const fault = faultOf(() => take(value))
          assert.instanceOf(fault, InvalidOption, `${option} accepts ${Inspectable.toStringUnknown(value)}`)
          assert.strictEqual(fault.interceptor, "c")
        }
      }
      assert.isFalse(part.isInterceptor(() => {}))
      for (const value of [part.make("a", () => undefined), serviceOf(part)]) assert.isTrue(part.isInterceptor(value))
      for (const value of [...neither, serviceOf(part)]) {
        assert.instanceOf(
          faultOf(() => serviceOf(part).layer(value)),
          InvalidOption
        )
      }
    })
}
